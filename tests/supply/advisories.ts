/**
 * What is known to be wrong with packages of others, as far as we know it ourselves: the registry that builds are made from
 * answers no audit. Each range is from a version on and below another; `*` is every version.
 */
export type Advisory = {
  name: string;
  affected: readonly (readonly [from: string, below: string])[] | '*';
  why: string;
};

const below = (...fixed: string[]): Advisory['affected'] =>
  // One range for each major version that was mended.
  fixed.map((version, n) => [n === 0 ? '0.0.0' : `${version.split('.')[0]}.0.0`, version] as const);
const only = (...versions: string[]): Advisory['affected'] =>
  versions.map((version) => {
    const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
    return [version, `${major}.${minor}.${patch + 1}`] as const;
  });

export const ADVISORIES: readonly Advisory[] = [
  // Evaluate strings, or were given up by who made them.
  { name: 'vm2', affected: '*', why: 'sandbox escapes, given up' },
  { name: 'safe-eval', affected: '*', why: 'sandbox escapes' },
  { name: 'static-eval', affected: '*', why: 'evaluates what it is given' },
  { name: 'node-serialize', affected: '*', why: 'runs functions of its input' },
  { name: 'request', affected: '*', why: 'given up; request forgery by redirects' },
  { name: 'xmldom', affected: '*', why: 'given up; several root nodes' },
  { name: 'jsonwebtoken', affected: '*', why: 'we use jose' },
  { name: 'passport-saml', affected: '*', why: 'given up; signature wrapping' },
  // Were taken over for a while.
  { name: 'event-stream', affected: only('3.3.6'), why: 'taken over' },
  { name: 'flatmap-stream', affected: '*', why: 'taken over' },
  { name: 'ua-parser-js', affected: only('0.7.29', '0.8.0', '1.0.0'), why: 'taken over' },
  { name: 'coa', affected: only('2.0.3', '2.0.4', '2.1.1', '2.1.3', '3.0.1', '3.1.3'), why: 'taken over' },
  { name: 'rc', affected: only('1.2.9', '1.3.9', '2.3.9'), why: 'taken over' },
  { name: 'colors', affected: [['1.4.1', '99.0.0']], why: 'broken on purpose' },
  { name: 'faker', affected: '*', why: 'broken on purpose' },
  { name: 'node-ipc', affected: [['9.2.2', '99.0.0']], why: 'deletes files' },
  { name: 'chalk', affected: only('5.6.1'), why: 'taken over' },
  { name: 'debug', affected: only('4.4.2'), why: 'taken over' },
  { name: 'ansi-styles', affected: only('6.2.2'), why: 'taken over' },
  { name: 'strip-ansi', affected: only('7.1.1'), why: 'taken over' },
  { name: 'ansi-regex', affected: only('6.2.1'), why: 'taken over' },
  { name: 'wrap-ansi', affected: only('9.0.1'), why: 'taken over' },
  { name: 'supports-color', affected: only('10.2.1'), why: 'taken over' },
  { name: 'color-convert', affected: only('3.1.1'), why: 'taken over' },
  { name: 'is-arrayish', affected: only('0.3.3'), why: 'taken over' },
  { name: 'error-ex', affected: only('1.3.3'), why: 'taken over' },
  { name: '@ctrl/tinycolor', affected: only('4.1.1', '4.1.2'), why: 'taken over' },
  // Mended since.
  { name: 'express', affected: below('4.20.0'), why: 'redirects to what was asked' },
  {
    name: 'body-parser',
    affected: [
      ['0.0.0', '1.20.3'],
      ['2.2.0', '2.2.1'],
    ],
    why: 'held up by bodies',
  },
  { name: 'path-to-regexp', affected: below('0.1.12', '1.9.0', '3.3.0', '6.3.0'), why: 'held up by addresses' },
  { name: 'send', affected: below('0.19.0'), why: 'script in a redirect' },
  { name: 'serve-static', affected: below('1.16.0'), why: 'script in a redirect' },
  { name: 'cookie', affected: below('0.7.0'), why: 'names outside of the grammar' },
  { name: 'qs', affected: below('6.14.1'), why: 'memory by brackets' },
  { name: 'ws', affected: below('5.2.4', '6.2.3', '7.5.10', '8.17.1'), why: 'ended by many headers' },
  { name: 'undici', affected: below('5.29.0', '6.21.2', '7.5.0'), why: 'guessable boundaries, memory' },
  { name: 'form-data', affected: below('2.5.4', '3.0.4', '4.0.4'), why: 'guessable boundaries' },
  { name: 'follow-redirects', affected: below('1.15.6'), why: 'hands credentials on' },
  { name: 'axios', affected: below('0.30.0', '1.8.2'), why: 'request forgery' },
  { name: 'ip', affected: '*', why: 'takes private addresses for public ones' },
  { name: 'tar', affected: below('6.2.1'), why: 'writes outside' },
  { name: 'tar-fs', affected: below('1.16.5', '2.1.3', '3.0.9'), why: 'writes outside' },
  { name: 'fast-xml-parser', affected: below('4.4.1'), why: 'held up by currencies' },
  { name: 'js-yaml', affected: below('3.14.2', '4.1.1'), why: 'changes prototypes' },
  { name: 'yaml', affected: [['2.0.0', '2.2.2']], why: 'ended by a document' },
  { name: 'nodemailer', affected: below('7.0.7'), why: 'mail to another domain' },
  { name: 'jose', affected: below('1.28.2', '2.0.7', '3.20.4', '4.15.5'), why: 'memory by compression' },
  { name: 'luxon', affected: below('1.28.1', '2.5.2', '3.2.1'), why: 'held up by dates' },
  { name: 'marked', affected: below('4.0.10'), why: 'held up by text' },
  { name: 'dompurify', affected: below('2.5.8', '3.2.4'), why: 'lets scripts through' },
  { name: 'ssh2', affected: below('1.4.0'), why: 'runs commands' },
  { name: 'protobufjs', affected: below('6.11.4', '7.2.5'), why: 'changes prototypes' },
  { name: 'semver', affected: below('5.7.2', '6.3.1', '7.5.2'), why: 'held up by ranges' },
  { name: 'minimist', affected: below('0.2.4', '1.2.6'), why: 'changes prototypes' },
  { name: 'lodash', affected: below('4.17.21'), why: 'runs commands by templates' },
  { name: 'braces', affected: below('3.0.3'), why: 'memory' },
  { name: 'micromatch', affected: below('4.0.8'), why: 'held up by patterns' },
  { name: 'brace-expansion', affected: below('1.1.12', '2.0.2', '3.0.1', '4.0.1'), why: 'held up by patterns' },
  { name: 'cross-spawn', affected: below('6.0.6', '7.0.5'), why: 'held up by arguments' },
  {
    name: 'nanoid',
    affected: [
      ['0.0.0', '3.3.8'],
      ['4.0.0', '5.0.9'],
    ],
    why: 'guessable ids',
  },
  { name: 'postcss', affected: below('7.0.36', '8.4.31'), why: 'misread comments' },
  { name: 'esbuild', affected: below('0.25.0'), why: 'any page reads its server' },
  { name: 'vite', affected: below('4.5.14', '5.4.19', '6.3.4'), why: 'gives out files' },
  { name: 'http-cache-semantics', affected: below('4.1.1'), why: 'held up by headers' },
  { name: 'tough-cookie', affected: below('4.1.3'), why: 'changes prototypes' },
  { name: 'json5', affected: below('1.0.2', '2.2.2'), why: 'changes prototypes' },
  { name: 'word-wrap', affected: below('1.2.4'), why: 'held up by text' },
  { name: 'tmp', affected: below('0.2.4'), why: 'writes through links' },
  {
    name: 'glob',
    affected: [
      ['10.2.0', '10.5.0'],
      ['11.0.0', '11.1.0'],
    ],
    why: 'runs commands by file names',
  },
  { name: 'node-forge', affected: below('1.3.2'), why: 'takes forged signatures' },
  { name: 'elliptic', affected: below('6.6.1'), why: 'gives keys away' },
  { name: '@xmldom/xmldom', affected: below('0.7.7', '0.8.4'), why: 'several root nodes' },
  { name: 'xml-crypto', affected: below('2.1.6', '3.2.1', '6.0.1'), why: 'takes forged signatures' },
  { name: '@node-saml/node-saml', affected: below('5.1.0'), why: 'reads what was not signed' },
];

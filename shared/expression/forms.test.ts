import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { drawn } from '../../tests/fixtures/drawn.ts';
import { evaluate } from './evaluate.fixture.ts';
import { TEXT_FORMS } from './textForms.ts';

fc.configureGlobal(drawn);

test.each<[string, unknown]>([
  ["='Grüße 👋'.base64Encode()", 'R3LDvMOfZSDwn5GL'],
  ["='R3LDvMOfZSDwn5GL'.base64Decode()", 'Grüße 👋'],
  ["='https://ada@www.example.org:8080/a/b?c=1#d'.extractDomain()", 'www.example.org'],
  ["='ada@example.org'.extractDomain()", 'example.org'],
  ["='no domain'.extractDomain()", undefined],
  ["='See (https://example.org/a_(b)?x=1), or call'.extractUrl()", 'https://example.org/a_(b)?x=1'],
  ["='See http://example.org/a/b?x=1.'.extractUrlPath()", '/a/b'],
  ["='https://example.org'.extractUrlPath()", '/'],
  ["='abc'.hash()", 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  ["='abc'.hash('md5')", '900150983cd24fb0d6963f7d28e17f72'],
  ["='example.co.uk'.isDomain() && !'example'.isDomain() && !'a b.org'.isDomain()", true],
  ["='https://example.org/x'.isUrl() && !'see https://example.org'.isUrl() && !'ftp://example.org'.isUrl()", true],
  ['=\'say "hi"\'.quote()', '"say \\"hi\\""'],
  ['="it\'s".quote("\'")', "'it\\'s'"],
  ["='# A **bold** [link](https://example.org) and `code`'.removeMarkdown()", 'A bold link and code'],
  ["='<p>1 < 2 &amp; <b>bold</b></p>'.removeTags()", '1 < 2 &amp; bold'],
  ["='Crème brûlée, Straße'.replaceSpecialChars()", 'Creme brulee, Strasse'],
  ["='no'.toBoolean() || ' 0 '.toBoolean() || ''.toBoolean()", false],
  ["='yes'.toBoolean()", true],
  ["='HTTP status code2'.toCamelCase()", 'httpStatusCode2'],
  ["='firstName lastName'.toSnakeCase() + ' ' + 'First Name'.toKebabCase()", 'first_name_last_name first-name'],
  ["='12.7 px'.toInt() + '1.5x'.toFloat()", 13.5],
  ["='a\"b'.toJsonString()", '"a\\"b"'],
  ['=[1].append(2, 3)', [1, 2, 3]],
  ['=[1, 1, 2].removeDuplicates()', [1, 2]],
  ["=[{ a: 1, b: 2 }].renameKeys('a', 'x')", [{ x: 1, b: 2 }]],
  ["=[{ k: 'a', v: 1 }, { k: 'b', v: 2 }].smartJoin('k', 'v')", { a: 1, b: 2 }],
  ['=[1, 2, 3, 4].toSpliced(1, 2, 9)', [1, 9, 4]],
  ['=(1.7).toInt() + (2).toFloat() + (true).toInt()', 4],
  ['=(0).toBoolean() || !(3).isNotEmpty()', false],
  ["={ a: 'x y', b: 1 }.urlEncode()", 'a=x%20y&b=1'],
  ["=DateTime.fromISO('2026-07-01T12:00:00', { zone: 'Europe/Berlin' }).isDst()", true],
  ["=DateTime.fromISO('2026-02-10').endOfMonth().toISODate()", '2026-02-28'],
  ["=$now.minus({ minutes: 5 }).isInLast(10, 'minutes') && !$now.minus({ days: 2 }).isInLast(1, 'days')", true],
  ["=DateTime.fromISO('2026-02-10').setLocale('de-DE').toFormat('LLLL')", 'Februar'],
])('%s is %j', (source, expected) => {
  expect(evaluate(source)).toEqual(expected);
});

test.each<[string, RegExp]>([
  ["='*'.base64Decode()", /not the Base64/],
  ["='a'.hash('md4')", /no hash "md4"/],
  ["=$now.setLocale('x y')", /not a language tag/],
  ["=[1].smartJoin('a')", /second argument/],
])('%s is refused', (source, why) => {
  expect(() => evaluate(source)).toThrow(why);
});

test('what is encoded comes back, and a hash is that of Node', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(evaluate('=$json.text.base64Encode().base64Decode()', { json: { text } })).toBe(text);
      const wanted = createHash('sha512').update(text).digest('hex');
      expect(evaluate("=$json.text.hash('sha512')", { json: { text } })).toBe(wanted);
    }),
  );
});

const HOSTILE = ['a', '*', '_', '[', '(', '<', '>', '-', '.', '@', 'http://', ' ', '\\', '"', '`', '~', '\n'];

test('no form takes more than a moment for a hostile text, and none throws what is not for people', () => {
  for (const name of Object.keys(TEXT_FORMS)) {
    for (const part of HOSTILE) {
      for (const text of [part.repeat(40_000), `${part}a`.repeat(20_000), `http://${part.repeat(20_000)}`]) {
        const before = process.threadCpuUsage();
        try {
          evaluate(`=$json.text.${name}()`, { json: { text } });
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: expect.stringMatching(/^expression\./) });
        }
        // The processor's time: by the clock, others on the machine count too.
        const { user, system } = process.threadCpuUsage(before);
        expect((user + system) / 1_000, `${name} of many ${JSON.stringify(part)}`).toBeLessThan(1_000);
      }
    }
  }
});

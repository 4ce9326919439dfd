import { tapeParts } from './tapeParts.ts';

const HEADER = {
  tape: 1,
  runId: '0199f2c4-7000-7000-8000-000000000001',
  workflowId: '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a01',
  execHash: 'a'.repeat(64),
  runtimeHash: 'b'.repeat(64),
  tree: '',
  redacted: [],
};
const TAPE_OF_NULL = tapeParts.write([HEADER, null]);

/** Inputs that once crashed or hung a reader. Each stays, so that it never does again. */
export const FOUND: readonly { parser: string; what: string; input: string }[] = [
  { parser: 'project as JSON', what: 'half of a surrogate pair has no canonical text', input: treeNamed('\\ud800') },
  {
    parser: 'expression',
    what: 'the word before the cursor was looked for again and again',
    input: `=a.${'constructor'.repeat(3_000)}: 1`,
  },
  {
    parser: 'case file',
    what: 'each complaint about thousands of brackets was looked for again',
    input: `name: a\nexpect:\n  ${'['.repeat(3_000)}`,
  },
  { parser: 'tape', what: 'a project that is null', input: TAPE_OF_NULL },
];

function treeNamed(name: string): string {
  const id = '0199f2c4-5d1e-7a3b-9c40-6f2b8e1d7a55';
  const empty = ['workflows', 'scripts', 'machines', 'environments', 'connections', 'tests', 'pins'].map(
    (kind) => `"${kind}":{}`,
  );
  return `{"project":{"id":"${id}","name":"${name}","format":1},${empty.join()}}`;
}

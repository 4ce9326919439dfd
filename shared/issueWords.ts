const KINDS: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
};

/** The check's own message about a value in words for people: what is missing, or what it must be. */
export function issueWords({ message }: { message: string }): string {
  const [, expected = '', received = ''] = /^Invalid input: expected (\S+), received (\S+)$/.exec(message) ?? [];
  if (received === 'undefined') return 'it is missing';
  if (received === 'NaN') return 'it must be a number';
  if (received !== '') return `it must be ${KINDS[expected] ?? expected}, not ${KINDS[received] ?? received}`;
  const options = /^Invalid option: expected one of (.+)$/.exec(message)?.[1];
  if (options !== undefined) return `it must be one of ${options.replaceAll('|', ', ')}`;
  if (message === 'Invalid UUID') return 'it must be an id in the form of a UUID';
  if (message === 'Invalid URL') return 'it is not an address of the right kind';
  if (message === 'Invalid input') return 'it is missing or of another kind';
  return message;
}

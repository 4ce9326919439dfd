/**
 * Messages over a byte stream: four bytes of length, then a head of JSON, a line feed, and a body of text. The body is
 * never parsed on the way: the worker hands it to the isolate as it is.
 */
export type Frame<Head> = { head: Head; body: string };

/** No message may be larger: a worker that says otherwise is lying or broken. */
export const MAX_FRAME_BYTES = 64 * 1024 * 1024;

export function encodeFrame(head: object, body = ''): Buffer {
  const text = `${JSON.stringify(head)}\n${body}`;
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_FRAME_BYTES) throw new RangeError(`A message of ${bytes} bytes is larger than ${MAX_FRAME_BYTES}.`);
  const frame = Buffer.allocUnsafe(4 + bytes);
  frame.writeUInt32BE(bytes, 0);
  frame.write(text, 4);
  return frame;
}

/**
 * Cuts a stream into messages. Heads are given as they are: whoever reads them checks them.
 *
 * @returns a function that takes the next bytes; it throws RangeError or SyntaxError where they are no messages of ours
 */
export function frameReader(onFrame: (frame: Frame<unknown>) => void): (bytes: Buffer) => void {
  let parts: Buffer[] = [];
  let have = 0;
  return (bytes) => {
    parts.push(bytes);
    have += bytes.length;
    for (;;) {
      if (have < 4) return;
      if ((parts[0]?.length ?? 0) < 4) parts = [Buffer.concat(parts)];
      const size = (parts[0] as Buffer).readUInt32BE(0);
      if (size > MAX_FRAME_BYTES) throw new RangeError(`A message claims ${size} bytes.`);
      if (have < 4 + size) return;
      const all = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
      const text = all.toString('utf8', 4, 4 + size);
      const rest = all.subarray(4 + size);
      parts = rest.length > 0 ? [rest] : [];
      have = rest.length;
      const end = text.indexOf('\n');
      if (end < 0) throw new SyntaxError('A message has no head.');
      onFrame({ head: JSON.parse(text.slice(0, end)), body: text.slice(end + 1) });
    }
  };
}

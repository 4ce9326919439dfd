export const MAX_DEPTH = 200;

/**
 * Refuses JSON that is nested too deeply, before it is parsed: it would parse and then overflow whatever walks it. For what
 * runtimes report, often and at length; what people and programs send is looked through by `checkShape`, names too.
 */
export function checkDepth(bytes: Uint8Array): void {
  let depth = 0;
  let inText = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (inText) {
      if (byte === 0x5c) i++;
      else if (byte === 0x22) inText = false;
    } else if (byte === 0x22) inText = true;
    else if (byte === 0x7b || byte === 0x5b) {
      depth++;
      if (depth > MAX_DEPTH) throw new Error(`The body is nested more than ${MAX_DEPTH} levels deep.`);
    } else if (byte === 0x7d || byte === 0x5d) depth--;
  }
}

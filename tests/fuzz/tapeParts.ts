import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { canonicalText } from '#runtime/engine/canonicalText.ts';
import { isJsonObject, type Json } from '#shared/json.ts';

/**
 * What stands on a tape, with its hashes and its chain made anew after something of it was changed: else every change would
 * be found by the first look.
 */
export const tapeParts = {
  read(text: string): Json {
    const [header, tree, ...rest] = gunzipSync(Buffer.from(text, 'latin1'))
      .toString('utf8')
      .trim()
      .split('\n')
      .map((line) => {
        const { h: _, ...about } = JSON.parse(line) as Record<string, Json>;
        return about;
      });
    return [header ?? null, JSON.parse(Buffer.from(String(tree?.base64), 'base64').toString()) as Json, ...rest];
  },
  write(parts: Json): string {
    const [header, tree, ...rest] = Array.isArray(parts) ? parts : [parts];
    const bytes = Buffer.from(JSON.stringify(tree ?? null));
    const hash = sha256(bytes);
    const isWhole = isJsonObject(header) && header.tree !== undefined;
    const blob = { blob: hash, bytes: bytes.length, base64: bytes.toString('base64') };
    let before = '';
    const texts = [isWhole ? { ...header, tree: hash } : (header ?? null), blob, ...rest].map((line) => {
      before = sha256(before + canonicalText(line as Json));
      return `${JSON.stringify(isJsonObject(line) ? { ...line, h: before } : line)}\n`;
    });
    return gzipSync(texts.join(''), { level: 1 }).toString('latin1');
  },
};

const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex');

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';

export type Rectangle = { x: number; y: number; width: number; height: number };

const State = z.strictObject({
  x: z.int(),
  y: z.int(),
  width: z.int().min(400),
  height: z.int().min(300),
  maximized: z.boolean(),
});
export type WindowState = z.infer<typeof State>;

const FIRST = { width: 1440, height: 900 };

/**
 * Where the window was last, moved so that it can be seen: the screen it was on may be gone.
 *
 * @param areas the screens' usable parts; the first is the main one
 */
export function restoreWindow(
  file: string,
  areas: Rectangle[],
): Partial<Rectangle> & { width: number; height: number; maximized: boolean } {
  const [main] = areas;
  if (!main) return { ...FIRST, maximized: false };
  const kept = read(file);
  if (!kept)
    return { width: Math.min(FIRST.width, main.width), height: Math.min(FIRST.height, main.height), maximized: false };
  const area = areas.find((one) => overlap(one, kept) > 0.25 * kept.width * kept.height) ?? main;
  const width = Math.min(kept.width, area.width);
  const height = Math.min(kept.height, area.height);
  return {
    width,
    height,
    x: clamp(kept.x, area.x, area.x + area.width - width),
    y: clamp(kept.y, area.y, area.y + area.height - height),
    maximized: kept.maximized,
  };
}

/** Losing it costs nothing, so a disk that refuses is no reason to complain. */
export function keepWindow(file: string, state: WindowState): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify(state));
  } catch {}
}

function read(file: string): WindowState | undefined {
  try {
    return State.safeParse(JSON.parse(readFileSync(file, 'utf8'))).data;
  } catch {
    return undefined;
  }
}

function overlap(a: Rectangle, b: Rectangle): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return Math.max(0, width) * Math.max(0, height);
}

const clamp = (value: number, low: number, high: number) => Math.max(low, Math.min(value, high));

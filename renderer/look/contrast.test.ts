import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

type Rgb = [number, number, number];
type Colour = { rgb: Rgb; alpha: number };
const css = readFileSync(new URL('./tokens.css', import.meta.url), 'utf8');

function tokensOf(theme: string): Record<string, string> {
  const block = new RegExp(`\\[data-theme="?${theme}"?\\]\\s*\\{([^}]*)\\}`).exec(css)?.[1] ?? '';
  return Object.fromEntries(
    [...block.matchAll(/--([\w-]+):\s*([^;]+);/g)].map((found) => [found[1], found[2]?.trim() ?? '']),
  );
}

function readColour(text: string): Colour {
  const found = /^oklch\(([\d.]+) ([\d.]+) ([\d.]+)(?: \/ ([\d.]+))?\)$/.exec(text);
  if (!found) throw new Error(`${text} is no plain OKLCH colour`);
  const [, l, c, h, alpha] = found;
  return {
    rgb: toLinear(Number(l), Number(c), (Number(h) * Math.PI) / 180),
    alpha: alpha === undefined ? 1 : Number(alpha),
  };
}

/** OKLCH to linear sRGB, out-of-gamut parts cut as a screen cuts them. */
function toLinear(l: number, c: number, h: number): Rgb {
  const a = c * Math.cos(h);
  const b = c * Math.sin(h);
  const x = (l + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const y = (l - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const z = (l - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const cut = (value: number) => Math.min(1, Math.max(0, value));
  return [
    cut(4.0767416621 * x - 3.3077115913 * y + 0.2309699292 * z),
    cut(-1.2684380046 * x + 2.6097574011 * y - 0.3413193965 * z),
    cut(-0.0041960863 * x - 0.7034186147 * y + 1.707614701 * z),
  ];
}

const luminance = ([r, g, b]: Rgb) => 0.2126 * r + 0.7152 * g + 0.0722 * b;

function contrast(one: Rgb, other: Rgb): number {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

const SURFACES = ['panel', 'canvas', 'app', 'raised', 'sunken'];
const STATES = ['run', 'ok', 'bad', 'wait', 'pin', 'off'];
const PEOPLE = 8;
const CODE = ['c-key', 'c-str', 'c-num', 'c-fn', 'c-dim'];

/** Every pair of colours that the editor puts on top of each other, with the ratio it needs. */
function pairsOf(theme: string): [front: string, back: string, least: number][] {
  const text = theme === 'hc' ? 7 : 4.5;
  const pairs: [string, string, number][] = [];
  const inks = ['ink', 'ink-2', 'ink-3', 'accent-ink', ...STATES.map((state) => `${state}-ink`)];
  for (const surface of SURFACES) for (const ink of inks) pairs.push([ink, surface, text]);
  for (const state of STATES) pairs.push([`${state}-ink`, `${state}-soft`, 4.5]);
  for (const code of CODE) for (const surface of ['panel', 'raised']) pairs.push([code, surface, text]);
  pairs.push(['on-accent', 'accent', 4.5], ['accent-ink', 'accent-soft', 4.5], ['ink', 'accent-soft', text]);
  for (let i = 0; i < PEOPLE; i++) pairs.push(['on-who', `who-${i}`, text], [`who-${i}`, 'canvas', 3]);
  const marks = [...STATES.map((state) => `${state}-mark`), 'break-mark', 'accent'];
  // A field has the panel's colour inside wherever it stands, so its edge is read against that.
  pairs.push(['line-control', 'panel', 3]);
  for (const mark of marks) for (const surface of ['panel', 'canvas', 'app', 'raised']) pairs.push([mark, surface, 3]);
  // The selection is a wash over any surface; what stands on it is at least ink-2.
  for (const surface of SURFACES)
    for (const ink of ['ink', 'ink-2']) pairs.push([ink, `selected over ${surface}`, 4.5]);
  return pairs;
}

/** A wash mixed into what lies behind it, as a screen does it: on the encoded values. */
function over(wash: Colour, back: Rgb): Rgb {
  const encode = (v: number) => (v <= 0.0031308 ? v * 12.92 : 1.055 * v ** (1 / 2.4) - 0.055);
  const decode = (v: number) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const mix = (a: number, b: number) => decode(encode(a) * wash.alpha + encode(b) * (1 - wash.alpha));
  return [mix(wash.rgb[0], back[0]), mix(wash.rgb[1], back[1]), mix(wash.rgb[2], back[2])];
}

describe.each(['light', 'dark', 'hc'])('the %s theme', (theme) => {
  const tokens = tokensOf(theme);
  const named = (name: string) => readColour(tokens[name] ?? '');
  const colour = (name: string): Rgb => {
    const [front = '', back] = name.split(' over ');
    return back ? over(named(front), named(back).rgb) : named(front).rgb;
  };

  test('keeps every pair of text, mark and surface readable', () => {
    const pairs = pairsOf(theme);
    const weak = pairs
      .map(([front, back, least]) => ({ front, back, least, ratio: contrast(colour(front), colour(back)) }))
      .filter(({ ratio, least }) => ratio < least);
    expect(pairs.length).toBeGreaterThanOrEqual(105);
    expect(weak).toEqual([]);
  });

  test('names the same colours as the light theme', () => {
    expect(Object.keys(tokens).sort()).toEqual(Object.keys(tokensOf('light')).sort());
  });
});

test('black on white is measured as 21 to 1', () => {
  expect(contrast(toLinear(0, 0, 0), toLinear(1, 0, 0))).toBeCloseTo(21, 1);
});

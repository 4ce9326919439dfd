import { expect, test } from 'vitest';
import { moveInto, viewportFor } from './fit.ts';

const box = { width: 1_000, height: 500 };

test('a small drawing is shown at its size in the middle', () => {
  expect(viewportFor({ x: 100, y: 50, width: 200, height: 100 }, box, 0.4)).toEqual({ x: 300, y: 150, zoom: 1 });
});

test('a wide drawing is made smaller until it fits', () => {
  const { x, zoom } = viewportFor({ x: 0, y: 0, width: 1_856, height: 60 }, box, 0.4);
  expect(zoom).toBeCloseTo(0.5);
  expect(x).toBeCloseTo(36);
});

test('a drawing that would become too small to read begins at the left, in the middle of the height', () => {
  expect(viewportFor({ x: -40, y: 0, width: 4_000, height: 100 }, box, 0.8)).toEqual({
    x: 36 + 40 * 0.8,
    y: (500 - 80) / 2,
    zoom: 0.8,
  });
});

test('a card that is partly out of view moves just far enough', () => {
  expect(moveInto(100, 200, 500)).toBe(0);
  expect(moveInto(-50, 50, 500)).toBe(78);
  expect(moveInto(450, 550, 500)).toBe(-78);
});

test('what is larger than the room shows its beginning', () => {
  expect(moveInto(100, 900, 500)).toBe(-72);
});

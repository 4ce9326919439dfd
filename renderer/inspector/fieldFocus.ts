/** The field that takes a dragged or clicked expression: the one that had the focus last. */
type Taker = (expression: string) => void;
let taker: Taker | undefined;

export function setTaker(next: Taker): void {
  taker = next;
}

export function dropTaker(old: Taker): void {
  if (taker === old) taker = undefined;
}

/** False where no field has had the focus. */
export function giveExpression(expression: string): boolean {
  taker?.(expression);
  return taker !== undefined;
}

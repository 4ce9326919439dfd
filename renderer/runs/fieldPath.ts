const NAME = /^[A-Za-z_$][\w$]*$/;

/** The expression that reads a field: `$json.order.lines[0]['unit price']`. */
export function pathExpression(root: string, path: readonly (string | number)[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return NAME.test(part) ? `${text}.${part}` : `${text}[${JSON.stringify(part)}]`;
  }, root);
}

/** The kind of data that is dragged from a viewer into a field of the form. */
export const EXPRESSION_DRAG = 'application/x-sluice-expression';

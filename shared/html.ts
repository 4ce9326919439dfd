/** Markup that is safe to send. Only `html` makes it, and it escapes whatever is put into it. */
export type Html = { readonly markup: string };

type Part = Html | string | number | undefined | false | readonly Part[];

/** A template of markup: values are text, unless they are `Html` themselves. Nothing and false leave nothing. */
export function html(texts: TemplateStringsArray, ...parts: Part[]): Html {
  return { markup: texts.reduce((all, text, index) => all + render(parts[index - 1]) + text) };
}

function render(part: Part): string {
  if (part === undefined || part === false) return '';
  if (Array.isArray(part)) return part.map(render).join('');
  if (typeof part === 'object' && 'markup' in part) return part.markup;
  return escapeText(String(part));
}

function escapeText(text: string): string {
  const names: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return text.replace(/[&<>"']/g, (sign) => names[sign] ?? sign);
}

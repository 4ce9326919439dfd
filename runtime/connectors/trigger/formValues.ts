import type { Json, JsonObject } from '#shared/json.ts';
import type { FormConfig, FormField } from './formConfig.ts';
import type { SentFile } from './multipart.ts';
import { isOfType } from './routeRequest.ts';

/** What somebody typed, by field. */
export type Typed = Record<string, string>;
export type FormFault = { name: string; message: string };

/** `values`: what the run's item gets, where there are no faults. */
export type FormValues = { values: JsonObject; typed: Typed; faults: FormFault[] };

type Read = { value: Json; fault?: string };

const MOST_TEXT = 1_000;
const MOST_LONG_TEXT = 10_000;

/**
 * Reads what a form sent: texts without space around them, numbers as numbers, a checkbox as yes or no, nothing as null; of a
 * file its name. Fields that the form does not have are let go.
 */
export function readForm(
  { fields }: Pick<FormConfig, 'fields'>,
  sent: JsonObject,
  files: readonly SentFile[],
): FormValues {
  const values = new Map<string, Json>();
  const typed = new Map<string, string>();
  const faults: FormFault[] = [];
  for (const field of fields) {
    const { name } = field;
    const text = field.type === 'file' ? '' : textOf(sent, field);
    if (text !== '') typed.set(name, text);
    const file = files.find((one) => one.name === name);
    const { value, fault } = field.type === 'file' ? readFile(field, file) : readText(field, text);
    values.set(name, value);
    if (fault !== undefined) faults.push({ name, message: fault });
  }
  return { values: Object.fromEntries(values), typed: Object.fromEntries(typed), faults };
}

function textOf(sent: JsonObject, { name, type }: FormField): string {
  const given = Object.hasOwn(sent, name) ? sent[name] : undefined;
  const first = Array.isArray(given) ? given[0] : given;
  const text = typeof first === 'string' ? first.replace(/\r\n?/g, '\n').trim() : '';
  // Lines belong to long texts alone: elsewhere they would be lines of a mail's header, for one.
  return type === 'textarea' ? text : text.replace(/\p{Cc}+/gu, ' ');
}

function readText(field: FormField, text: string): Read {
  const { type, required, options = [] } = field;
  if (type === 'checkbox') {
    const value = text !== '';
    return required && !value ? { value, fault: 'Tick this to go on.' } : { value };
  }
  if (text === '') return { value: null, ...(required ? { fault: NEEDED[type] ?? 'Fill this in.' } : {}) };
  if (type === 'number') return readNumber(field, text);
  if (type === 'date') return readDate(field, text);
  if (type === 'select')
    return { value: text, ...(options.includes(text) ? {} : { fault: 'Choose one of the list.' }) };
  const { minLength = 1, maxLength = type === 'textarea' ? MOST_LONG_TEXT : MOST_TEXT } = field;
  const { length } = text;
  if (length > maxLength) return { value: text, fault: `Write at most ${maxLength} characters; these are ${length}.` };
  if (length < minLength) return { value: text, fault: `Write at least ${minLength} characters.` };
  if (type === 'email' && !isMail(text))
    return { value: text, fault: 'Write an e-mail address such as name@example.com.' };
  return { value: text };
}

const NEEDED: Partial<Record<FormField['type'], string>> = {
  select: 'Choose one of the list.',
  date: 'Choose a date.',
  number: 'Write a number.',
};

function readNumber({ min, max, whole }: FormField, text: string): Read {
  const value = /^[+-]?(?:\d{1,16}(?:\.\d{0,16})?|\.\d{1,16})$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(value)) return { value: text, fault: 'Write a number, with a point before decimals.' };
  if (whole && !Number.isSafeInteger(value)) return { value, fault: 'Write a whole number.' };
  if (typeof min === 'number' && value < min) return { value, fault: `Write ${min} or more.` };
  if (typeof max === 'number' && value > max) return { value, fault: `Write ${max} or less.` };
  return { value };
}

function readDate({ min, max }: FormField, text: string): Read {
  const at = /^\d{4}-\d{2}-\d{2}$/.test(text) ? new Date(`${text}T00:00:00Z`) : undefined;
  // The 30th of February is the 1st or 2nd of March elsewhere; here it is no date.
  if (!at || Number.isNaN(at.getTime()) || !at.toISOString().startsWith(text))
    return { value: text, fault: 'Write a date as 2026-11-20.' };
  if (typeof min === 'string' && text < min) return { value: text, fault: `Choose ${min} or later.` };
  if (typeof max === 'string' && text > max) return { value: text, fault: `Choose ${max} or earlier.` };
  return { value: text };
}

function readFile({ required, types, maxBytes }: FormField, file: SentFile | undefined): Read {
  if (!file) return { value: null, ...(required ? { fault: 'Choose a file.' } : {}) };
  const value = file.fileName;
  if (file.bytes.length > maxBytes) return { value, fault: `Choose a file of at most ${sizeOf(maxBytes)}.` };
  if (types && !types.some((type) => isOfType(file.mime, type.toLowerCase())))
    return { value, fault: `Choose a file of the type ${types.join(' or ')}.` };
  return { value };
}

function isMail(text: string): boolean {
  return text.length <= 254 && /^[^\s@"<>(),;:\\]{1,64}@[^\s@.,;:]+(?:\.[^\s@.,;:]+)+$/.test(text);
}

function sizeOf(bytes: number): string {
  return bytes >= 1_048_576 ? `${Math.floor(bytes / 104_857.6) / 10} MB` : `${Math.ceil(bytes / 1_024)} KB`;
}

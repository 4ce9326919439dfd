const number = new Intl.NumberFormat('en-GB');

/** `12,400`. */
export function formatNumber(value: number): string {
  return number.format(value);
}

/** Short above 9,999: `12.4k`. The exact number belongs in the tooltip. */
export function formatCount(value: number): string {
  if (value <= 9_999) return number.format(value);
  if (value < 999_950) return `${trim(value / 1_000)}k`;
  return `${trim(value / 1_000_000)}M`;
}

function trim(value: number): string {
  return value >= 100 ? String(Math.round(value)) : value.toFixed(1).replace(/\.0$/, '');
}

/** `6 ms`, `4.1 s`, `2 m 05 s`, `3 h 10 m`, from two days up `6 d 23 h`. */
export function formatDuration(ms: number): string {
  if (ms < 1) return '0 ms';
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} m ${String(seconds % 60).padStart(2, '0')} s`;
  const hours = Math.floor(seconds / 3_600);
  if (hours >= 48) return `${Math.floor(hours / 24)} d ${hours % 24} h`;
  return `${hours} h ${String(Math.floor((seconds % 3_600) / 60)).padStart(2, '0')} m`;
}

/** `412 B`, `1.2 KB`, `3 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1_024) return `${bytes} B`;
  const units = ['KB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 'B';
  for (const next of units) {
    if (value < 1_024) break;
    value /= 1_024;
    unit = next;
  }
  return `${trim(value)} ${unit}`;
}

/** Relative below a day, else the date. The exact time belongs in the tooltip. */
export function formatAgo(time: string, now: number): string {
  const ms = now - Date.parse(time);
  if (ms < 0) return formatTime(time);
  if (ms < 5_000) return 'just now';
  if (ms < 60_000) return `${Math.floor(ms / 1_000)} s ago`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ago`;
  if (ms < 86_400_000) return `${Math.floor(ms / 3_600_000)} h ago`;
  return formatDay(time);
}

/** `08:14:31` today, with the date before it on other days, and the year where it is another one. */
export function formatTime(time: string, now = Date.now()): string {
  const [date, today] = [new Date(time), new Date(now)];
  const clock = date.toLocaleTimeString('en-GB');
  if (date.toDateString() === today.toDateString()) return clock;
  const year = date.getFullYear() === today.getFullYear() ? undefined : 'numeric';
  return `${date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year })} ${clock}`;
}

/**
 * `21 Nov 2026, 08:14:31 GMT+1`: for what is compared with what others wrote down, somewhere else.
 *
 * @param timeZone absent: the one of this computer
 */
export function formatMoment(time: string, timeZone?: string): string {
  return new Date(time).toLocaleString('en-GB', {
    ...{ day: 'numeric', month: 'short', year: 'numeric' },
    ...{ hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'short', timeZone },
  });
}

/** `28 Nov 2026`: of what holds for days, where no hour matters. */
export function formatDay(time: string): string {
  return new Date(time).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
}

/** Cents as dollars: `$29.00`. */
export function formatMoney(cents: number): string {
  return `$${(cents / 100).toFixed(2)}`;
}

/** `1 item`, `4 items`. */
export function plural(count: number, word: string, many = `${word}s`): string {
  return `${formatCount(count)} ${count === 1 ? word : many}`;
}

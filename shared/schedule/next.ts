import { Cron } from 'croner';
import { IANAZone } from 'luxon';
import { SluiceError } from '../error.ts';

const EXAMPLE = 'Write five fields: minute, hour, day, month, weekday. "0 7 * * 1-5" is 7:00 on weekdays.';

/** Whether a text is a time zone that this machine knows: `Europe/Berlin`, `UTC`. */
export function isTimezone(zone: string): boolean {
  return IANAZone.isValidZone(zone);
}

/**
 * A cron pattern that was understood: five fields, or six with seconds first.
 *
 * @throws SluiceError config.invalid, with advice, for a pattern or a time zone that does not exist
 */
export function parseCron(pattern: string, timezone = 'UTC'): Cron {
  if (!isTimezone(timezone)) {
    const advice = 'Write a name like "Europe/Berlin" or "UTC".';
    throw new SluiceError('config.invalid', `There is no time zone "${timezone}".`, {
      advice,
      details: { field: 'timezone' },
    });
  }
  try {
    // A job with fixed times fires once in a gap or an overlap, one with intervals as often as the clock says.
    return new Cron(pattern.trim(), { timezone, mode: '5-or-6-parts', paused: true, fixedTimeRule: 'no-wildcard' });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.replace(/^CronPattern: /, '') : String(cause);
    const message = `"${pattern}" is not a schedule: ${reason}`;
    throw new SluiceError('config.invalid', message, { advice: EXAMPLE, details: { field: 'cron' }, cause });
  }
}

/**
 * The next times of a schedule, as its zone's clock says them. Around a change of the clock: a time that does not exist
 * fires at the first valid minute, a fixed time that exists twice fires at the first, intervals run through both hours.
 *
 * @param after not included; milliseconds since 1970
 * @param count at most this many; a pattern that never comes gives none
 * @returns milliseconds since 1970, ascending
 * @throws SluiceError config.invalid
 */
export function nextFires(cron: string, timezone: string | undefined, after: number, count: number): number[] {
  const pattern = parseCron(cron, timezone);
  const fires: number[] = [];
  let from = new Date(after);
  while (fires.length < count) {
    const next = pattern.nextRun(from);
    if (!next) break;
    fires.push(next.getTime());
    from = next;
  }
  return fires;
}

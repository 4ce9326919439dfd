import type { JsonObject } from './json.ts';

/**
 * Whether the same thing may be asked again: `no` means it would fail the same way, `yes` means it surely did not
 * happen, `ifSafe` means it may have happened, so only an effect that bears repetition is tried again.
 */
export type RetryAdvice = 'no' | 'yes' | 'ifSafe';

/** Every code a caller may meet, with its HTTP status and what a retry loop may do. One line each, by subject. */
const CODES = {
  'access.denied': { status: 403, retry: 'no' },
  'access.unauthenticated': { status: 401, retry: 'no' },
  allowance_exceeded: { status: 429, retry: 'no' },
  'apikey.not_found': { status: 404, retry: 'no' },
  'blob.corrupt': { status: 422, retry: 'no' },
  'blob.not_found': { status: 404, retry: 'no' },
  'client.upgrade_required': { status: 426, retry: 'no' },
  'cloud.unreachable': { status: 503, retry: 'yes' },
  'code.failed': { status: 422, retry: 'no' },
  'code.memory_exceeded': { status: 422, retry: 'no' },
  'code.output_exceeded': { status: 422, retry: 'no' },
  'code.syntax': { status: 422, retry: 'no' },
  'code.timed_out': { status: 422, retry: 'no' },
  'config.invalid': { status: 422, retry: 'no' },
  'conflict.not_found': { status: 404, retry: 'no' },
  'conflict.place_changed': { status: 409, retry: 'no' },
  'conflict.resolved': { status: 409, retry: 'no' },
  'connection.host_not_allowed': { status: 403, retry: 'no' },
  'connection.not_bound': { status: 422, retry: 'no' },
  'connection.not_found': { status: 404, retry: 'no' },
  'connector.rejected': { status: 422, retry: 'no' },
  'connector.unavailable': { status: 503, retry: 'yes' }, // it did not happen
  'connector.unclear': { status: 502, retry: 'ifSafe' }, // it may have happened
  'container.not_available': { status: 503, retry: 'yes' },
  'container.start_failed': { status: 503, retry: 'yes' },
  'deployment.not_found': { status: 404, retry: 'no' },
  'database.failed': { status: 422, retry: 'no' },
  'disk.failed': { status: 507, retry: 'no' },
  'edit.invalid': { status: 422, retry: 'no' },
  'data.invalid': { status: 422, retry: 'no' },
  'egress.refused': { status: 403, retry: 'no' },
  'environment.not_found': { status: 404, retry: 'no' },
  'expression.failed': { status: 422, retry: 'no' },
  'expression.limit_exceeded': { status: 422, retry: 'no' },
  'expression.syntax': { status: 422, retry: 'no' },
  'file.changed': { status: 409, retry: 'no' },
  'file.exists': { status: 409, retry: 'no' },
  'file.not_found': { status: 404, retry: 'no' },
  'hook.body_invalid': { status: 400, retry: 'no' },
  'hook.body_too_large': { status: 413, retry: 'no' },
  'hook.method_not_allowed': { status: 405, retry: 'no' },
  'hook.not_found': { status: 404, retry: 'no' },
  'hook.signature_invalid': { status: 401, retry: 'no' },
  'hook.stale': { status: 401, retry: 'no' },
  'hook.unavailable': { status: 503, retry: 'yes' },
  'host.not_supported': { status: 501, retry: 'no' },
  'invitation.closed': { status: 409, retry: 'no' },
  'invitation.not_found': { status: 404, retry: 'no' },
  'limit.exceeded': { status: 422, retry: 'no' },
  'mail.not_verified': { status: 403, retry: 'no' },
  'member.exists': { status: 409, retry: 'no' },
  'member.last_owner': { status: 409, retry: 'no' },
  'member.not_found': { status: 404, retry: 'no' },
  'notification.not_found': { status: 404, retry: 'no' },
  'package.not_installed': { status: 422, retry: 'no' },
  'package.not_locked': { status: 422, retry: 'no' },
  'package.not_packed': { status: 422, retry: 'no' },
  'package.not_supported': { status: 422, retry: 'no' },
  'payment.event_invalid': { status: 400, retry: 'no' },
  'payment.unavailable': { status: 503, retry: 'yes' },
  'plan.limit_exceeded': { status: 402, retry: 'no' },
  'port.in_use': { status: 409, retry: 'no' },
  'machine.changed': { status: 409, retry: 'yes' },
  'machine.not_found': { status: 404, retry: 'no' },
  'machine.refused': { status: 409, retry: 'no' },
  'project.changed': { status: 409, retry: 'no' },
  'project.conflicts_open': { status: 409, retry: 'no' },
  'project.exists': { status: 409, retry: 'no' },
  'project.invalid': { status: 422, retry: 'no' },
  'project.locked': { status: 423, retry: 'no' },
  'project.not_found': { status: 404, retry: 'no' },
  'project.not_trusted': { status: 403, retry: 'no' },
  'project.rebase_required': { status: 409, retry: 'no' },
  'queue.full': { status: 429, retry: 'yes' },
  'rate.exceeded': { status: 429, retry: 'yes' },
  'request.changed': { status: 412, retry: 'no' },
  'request.headers_too_large': { status: 431, retry: 'no' },
  'request.invalid': { status: 422, retry: 'no' },
  'request.key_reused': { status: 422, retry: 'no' },
  'request.malformed': { status: 400, retry: 'no' },
  'request.media_unsupported': { status: 415, retry: 'no' },
  'request.method_not_allowed': { status: 405, retry: 'no' },
  'request.not_acceptable': { status: 406, retry: 'no' },
  'request.not_found': { status: 404, retry: 'no' },
  'request.timed_out': { status: 408, retry: 'yes' },
  'request.too_large': { status: 413, retry: 'no' },
  'revision.not_found': { status: 404, retry: 'no' },
  'route.input_invalid': { status: 400, retry: 'no' },
  'route.media_unsupported': { status: 415, retry: 'no' },
  'route.unauthenticated': { status: 401, retry: 'no' },
  'run.cancelled': { status: 409, retry: 'no' },
  'run.fenced': { status: 409, retry: 'no' },
  'run.finished': { status: 409, retry: 'no' },
  'run.gap': { status: 409, retry: 'no' },
  'run.lost': { status: 409, retry: 'no' },
  'run.not_deterministic': { status: 409, retry: 'no' },
  'run.not_finished': { status: 409, retry: 'no' },
  'run.not_found': { status: 404, retry: 'no' },
  'run.not_waiting': { status: 409, retry: 'no' },
  'run.rate_exceeded': { status: 429, retry: 'no' },
  'run.singleton': { status: 409, retry: 'no' },
  'run.superseded': { status: 409, retry: 'no' },
  'run.timed_out': { status: 408, retry: 'no' },
  'service.draining': { status: 503, retry: 'yes' },
  'service.unavailable': { status: 503, retry: 'yes' },
  'session.expired': { status: 401, retry: 'no' },
  'session.not_found': { status: 404, retry: 'no' },
  'sign_in.failed': { status: 401, retry: 'no' },
  'sign_in.pending': { status: 400, retry: 'yes' },
  'sign_in.second_factor': { status: 401, retry: 'no' },
  'step.not_found': { status: 404, retry: 'no' },
  'step.output_too_large': { status: 422, retry: 'no' },
  'step.stopped': { status: 422, retry: 'no' },
  'step.timed_out': { status: 408, retry: 'ifSafe' },
  'step.type_unknown': { status: 422, retry: 'no' },
  'store.failed': { status: 500, retry: 'no' },
  'subscription.active': { status: 409, retry: 'no' },
  'subscription.not_found': { status: 404, retry: 'no' },
  'tape.invalid': { status: 422, retry: 'no' },
  'template.not_found': { status: 404, retry: 'no' },
  'token.invalid': { status: 401, retry: 'no' },
  'user.exists': { status: 409, retry: 'no' },
  'vault.locked': { status: 423, retry: 'no' },
  'version.not_found': { status: 404, retry: 'no' },
  'workflow.invalid': { status: 422, retry: 'no' },
  'workflow.not_found': { status: 404, retry: 'no' },
  'workspace.slug_taken': { status: 409, retry: 'no' },
  'workspace.not_found': { status: 404, retry: 'no' },
  internal: { status: 500, retry: 'no' },
} as const satisfies Record<string, { status: number; retry: RetryAdvice }>;

export type ErrorCode = keyof typeof CODES;

/** An error as it crosses a process boundary. `detail` says what to do. */
export type WireError = { code: ErrorCode; message: string; detail?: string; details?: JsonObject };

type Extra = {
  /** Facts a program can act on: revision, limit, reset time. Never a secret. */
  details?: JsonObject;
  /** What the person should do now, as one sentence. */
  advice?: string;
  cause?: unknown;
};

/** A failure someone can act on. Anything else that is thrown is a bug. */
export class SluiceError extends Error {
  readonly code: ErrorCode;
  readonly details: JsonObject | undefined;
  readonly advice: string | undefined;

  constructor(code: ErrorCode, message: string, { details, advice, cause }: Extra = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'SluiceError';
    this.code = code;
    this.details = details;
    this.advice = advice;
  }

  /** The HTTP status this code answers with. */
  get status(): number {
    return CODES[this.code].status;
  }

  get retry(): RetryAdvice {
    return CODES[this.code].retry;
  }

  toWire(): WireError {
    const wire: WireError = { code: this.code, message: this.message };
    if (this.advice !== undefined) wire.detail = this.advice;
    if (this.details !== undefined) wire.details = this.details;
    return wire;
  }

  static fromWire(wire: { code: string; message: string; detail?: string; details?: JsonObject }): SluiceError {
    const code = isErrorCode(wire.code) ? wire.code : 'internal';
    return new SluiceError(code, wire.message, { details: wire.details, advice: wire.detail });
  }

  /** A bug keeps its message for the log, as the cause; callers see only that something broke. */
  static from(thrown: unknown): SluiceError {
    if (thrown instanceof SluiceError) return thrown;
    return new SluiceError('internal', 'Something went wrong on our side.', { cause: thrown });
  }
}

/** Whether a text is one of our codes. Look at `code`, not at the class: a class does not survive a process boundary. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(CODES, code);
}

/** HTTP status and retry advice of a code. */
export function errorClass(code: ErrorCode): { status: number; retry: RetryAdvice } {
  return CODES[code];
}

/**
 * The moments at which something becomes durable, or is about to: one before and one after each. `…_commit` stands inside
 * the transaction, with everything written and nothing kept.
 */
export type Failpoint =
  | 'start.before'
  | 'start.after'
  | 'claim.before'
  | 'claim.before_commit'
  | 'claim.after'
  | 'assignment.taken'
  | 'run.before_start'
  | 'run.after_start'
  | 'attempt.before'
  | 'attempt.after'
  | 'effect.before_intent'
  | 'effect.after_intent'
  | 'effect.before_record'
  | 'effect.after_record'
  | 'store.before_commit'
  | 'store.after_commit'
  | 'ended.before_flush'
  | 'ended.after_flush'
  | 'ended.before_store'
  | 'ended.after_store'
  | 'blob.before_rename'
  | 'blob.after_rename'
  | 'retry.before'
  | 'retry.after'
  | 'success.before'
  | 'success.after'
  | 'answer.before'
  | 'answer.after'
  | 'wait.before'
  | 'wait.after'
  | 'timer.before'
  | 'timer.after'
  | 'resume.before'
  | 'resume.before_commit'
  | 'resume.after'
  | 'report.before'
  | 'report.after'
  | 'journal.before_commit'
  | 'journal.after_commit'
  | 'end.before'
  | 'end.after'
  | 'release.before'
  | 'release.after';

/**
 * Marks a moment at which the proofs end, freeze or break this process (tests/proof/failpoints.ts puts another module in the
 * place of this one). It does nothing, so that the bundler leaves it and its name out.
 */
export function failpoint(_name: Failpoint): void {}

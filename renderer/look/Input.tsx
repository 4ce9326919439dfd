import { CircleX } from 'lucide-react';
import { type ComponentProps, type ReactNode, useId } from 'react';
import { cx } from './cx.ts';

type FieldProps = {
  label: ReactNode;
  help?: ReactNode;
  error?: ReactNode;
  optional?: boolean;
  /** Stands at the right end of the label's line. */
  extra?: ReactNode;
  children: (ids: {
    id: string;
    'aria-describedby': string | undefined;
    'aria-invalid': boolean | undefined;
  }) => ReactNode;
};

/** Label above, help below; an error takes the place of the help. */
export function Field({ label, help, error, optional, extra, children }: FieldProps) {
  const id = useId();
  const note = error ?? help;
  return (
    <div className="flex min-w-0 flex-col gap-1.5">
      <div className="flex min-h-4 items-center gap-1.5">
        <label htmlFor={id} className="text-small font-control text-ink-2">
          {label}
        </label>
        {optional && <span className="text-micro text-ink-3">optional</span>}
        {extra && <span className="ml-auto flex items-center gap-1">{extra}</span>}
      </div>
      {children({ id, 'aria-describedby': note ? `${id}-note` : undefined, 'aria-invalid': error ? true : undefined })}
      {error ? (
        <ErrorLine id={`${id}-note`}>{error}</ErrorLine>
      ) : (
        help && (
          <p id={`${id}-note`} className="text-micro text-ink-3">
            {help}
          </p>
        )
      )}
    </div>
  );
}

export function ErrorLine({ id, children }: { id?: string; children: ReactNode }) {
  return (
    <p id={id} className="flex items-start gap-1.5 text-micro text-bad-ink">
      <CircleX className="icon-xs mt-px" aria-hidden />
      <span className="min-w-0 break-words">{children}</span>
    </p>
  );
}

type InputProps = Omit<ComponentProps<'input'>, 'size'> & { icon?: ReactNode; unit?: ReactNode; size?: 'md' | 'lg' };

export function Input({ icon, unit, size = 'md', className, ...rest }: InputProps) {
  return (
    <span
      data-invalid={rest['aria-invalid'] ? 'true' : undefined}
      className={cx(
        'field-box flex min-w-0 items-center gap-1.5 rounded-control bg-panel px-2.25 text-body',
        size === 'lg' ? 'h-9.5' : 'h-7.5',
        className,
      )}
    >
      {icon}
      <input {...rest} className="w-full min-w-0 bg-transparent outline-none placeholder:text-ink-3" />
      {unit && <span className="flex-none text-small text-ink-3">{unit}</span>}
    </span>
  );
}

export function TextArea({ className, ...rest }: ComponentProps<'textarea'>) {
  return (
    <textarea
      {...rest}
      data-invalid={rest['aria-invalid'] ? 'true' : undefined}
      className={cx(
        'field-box block w-full min-w-0 resize-y rounded-control bg-panel px-2.25 py-1.25 text-body placeholder:text-ink-3',
        className,
      )}
    />
  );
}

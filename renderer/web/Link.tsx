import type { ComponentProps } from 'react';
import { navigate } from './route.ts';

type LinkProps = Omit<ComponentProps<'a'>, 'href'> & { to: string };

/** A real link, which a click follows without loading the page anew; with a key held the browser does what it always does. */
export function Link({ to, onClick, ...rest }: LinkProps) {
  return (
    <a
      {...rest}
      href={to}
      onClick={(event) => {
        onClick?.(event);
        if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        navigate(to);
      }}
    />
  );
}

import { useCallback, useEffect, useRef, useState } from 'react';
import type { CloudApi } from '#shared/contract/cloudApi.ts';
import type { Client } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import { cloudClient } from '../host/webLink.ts';
import { useWorkspace } from './workspace.ts';

export type Asked<T> = {
  data: T | undefined;
  error: SluiceError | undefined;
  /** Asks again; what is shown stays until the answer is there. */
  again(): Promise<void>;
  /** Puts another answer in its place, as after a change. */
  put(data: T): void;
};

/**
 * Asks the cloud when a screen is shown, and again where what it is about changes.
 *
 * @param about names what is asked; another name is another question
 */
export function useAsk<T>(about: string, ask: (cloud: Client<CloudApi>) => Promise<T>): Asked<T> {
  const { id: workspaceId } = useWorkspace();
  const [state, setState] = useState<{ about: string; data?: T; error?: SluiceError }>({ about });
  const turn = useRef(0);
  const asking = useRef(ask);
  asking.current = ask;
  const key = `${workspaceId} ${about}`;

  const again = useCallback(async () => {
    const mine = ++turn.current;
    try {
      const data = await asking.current(await cloudClient(workspaceId));
      if (mine === turn.current) setState({ about: key, data });
    } catch (thrown) {
      if (mine === turn.current)
        setState((before) => ({ ...(before.about === key && before), about: key, error: SluiceError.from(thrown) }));
    }
  }, [workspaceId, key]);

  useEffect(() => {
    void again();
    return () => {
      turn.current++;
    };
  }, [again]);

  const current = state.about === key ? state : undefined;
  return { data: current?.data, error: current?.error, again, put: (data) => setState({ about: key, data }) };
}

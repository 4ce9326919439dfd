import type { Request } from 'express';
import type { Caller, SignedIn } from '../../server/actor.ts';
import type { SecondFactor } from '../secondFactor.ts';
import { formOf, orAgain, type Pages, send } from './pages.ts';
import * as views from './views.ts';

/** A person turns the second factor on and off. */
export function secondFactorPages({ add, mustBeSignedIn }: Pages, { factor }: { factor: SecondFactor }): void {
  const asSession = (caller: Caller, session: SignedIn) => ({ ...caller, session });

  const home = async (caller: Caller, session: SignedIn, problem?: views.Problem) => {
    const { on, recoveryCodesLeft } = await factor.status({}, asSession(caller, session));
    return on ? views.factorOnPage(recoveryCodesLeft, problem) : views.factorOffPage(problem);
  };

  add('GET', '/second-factor', 'factor', 'read', async (req, res, caller) => {
    const session = await mustBeSignedIn(req, res);
    if (session) send(res, await home(caller, session));
  });

  add('POST', '/second-factor/enrol', 'enrolFactor', 'sign_in', async (req, res, caller) => {
    const session = await mustBeSignedIn(req, res);
    if (!session) return;
    const attempt = async () => {
      const { secret, uri } = await factor.enrol({ password: field(req, 'password') }, asSession(caller, session));
      send(res, views.factorEnrolPage(secret, uri));
    };
    await orAgain(attempt, res, views.factorOffPage);
  });

  add('POST', '/second-factor/confirm', 'confirmFactor', 'sign_in', async (req, res, caller) => {
    const session = await mustBeSignedIn(req, res);
    if (!session) return;
    const attempt = async () => {
      const { recoveryCodes } = await factor.confirm({ code: field(req, 'code') }, asSession(caller, session));
      send(res, views.recoveryCodesPage(recoveryCodes));
    };
    const uri = field(req, 'uri');
    // The form carries what it showed, so that a slip of the keys does not mean another key.
    const shown = uri.startsWith('otpauth://totp/') ? uri : '';
    await orAgain(attempt, res, (problem) => views.factorEnrolPage(field(req, 'secret'), shown, problem));
  });

  add('POST', '/second-factor/change', 'changeFactor', 'sign_in', async (req, res, caller) => {
    const session = await mustBeSignedIn(req, res);
    if (!session) return;
    const who = asSession(caller, session);
    const proof = { password: field(req, 'password'), code: field(req, 'code') };
    const { recoveryCodesLeft } = await factor.status({}, who);
    const attempt = async () => {
      if (formOf(req).decision === 'renew') {
        send(res, views.recoveryCodesPage((await factor.renewCodes(proof, who)).recoveryCodes));
      } else {
        await factor.disable(proof, who);
        send(res, await home(caller, session));
      }
    };
    await orAgain(attempt, res, (problem) => views.factorOnPage(recoveryCodesLeft, problem));
  });
}

function field(req: Request, name: string): string {
  return (formOf(req)[name] ?? '').slice(0, 500);
}

import type { IncomingMessage } from 'node:http';
import { SluiceError } from '#shared/error.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { type FormRequest, mostFormBytes, refuseForm, showForm, takeForm } from '../connectors/trigger/answerForm.ts';
import { readBody } from '../connectors/trigger/readBody.ts';
import type { Reply } from './httpServer.ts';
import type { LocalControl } from './localControl.ts';
import { storeFiles } from './routeAnswers.ts';
import type { Form } from './servedForms.ts';
import type { Begin } from './servedTriggers.ts';

export type FormAnswersDeps = {
  forms: ReadonlyMap<string, Form>;
  control: LocalControl;
  begin: Begin;
  /** What pages are signed with. */
  key: Uint8Array;
};

const METHODS = ['GET', 'HEAD', 'POST'];

/** Shows the project's forms, each at `/forms/<path>`, and takes what is sent. */
export function createFormAnswers({ forms, control, begin, key }: FormAnswersDeps) {
  return async (request: IncomingMessage, { path }: { path: string }): Promise<Reply> => {
    const { method = 'GET', headers } = request;
    const form = forms.get(path);
    if (!form) throw new SluiceError('hook.not_found', `There is no form at /forms/${path.slice(0, 500)}.`);
    if (!METHODS.includes(method)) {
      throw new SluiceError('hook.method_not_allowed', `/forms/${path} takes ${METHODS.join(', ')}, not ${method}.`, {
        details: { methods: METHODS },
        advice: 'Open it in a browser.',
      });
    }
    const { config, workflowId, stepId } = form;
    const place = `${workflowId}:${stepId}`;
    const asked: FormRequest = {
      config,
      key,
      place,
      path: `/forms/${path}`,
      base: '/forms',
      // This server speaks no TLS itself; a proxy before it says so.
      isSecure: headers['x-forwarded-proto'] === 'https',
      headers,
      nowMs: Date.now(),
    };
    if (method !== 'POST') return showForm(asked);
    let rawBody: Buffer;
    try {
      rawBody = await readBody(request, mostFormBytes(config), tooLarge);
    } catch (thrown) {
      if (!(thrown instanceof SluiceError) || thrown.status !== 413) throw thrown;
      return { ...refuseForm(asked, thrown), closes: true };
    }
    return takeForm(asked, rawBody, async ({ id, json, files }) => {
      const item: Item = { json };
      if (files.length > 0) item.binary = await storeFiles(files, control.blobs);
      await begin(form, 'form', [item], { hook: place, deliveryId: id });
    });
  };
}

function tooLarge(maxBytes: number): SluiceError {
  return new SluiceError('hook.body_too_large', 'What was sent is too large. Please send less.', {
    details: { maxBytes },
  });
}

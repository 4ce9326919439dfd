import { CalendarClock, Copy, CopyCheck, Webhook } from 'lucide-react';
import { useState } from 'react';
import type { Deployment } from '#shared/contract/cloud/common.ts';
import { Button } from '../look/Button.tsx';
import { formatTime } from '../look/format.ts';
import { useEditor } from '../state/store.ts';

/** Where a deployment's webhooks are called, and when its schedules fire next. */
export function Addresses({ deployment }: { deployment: Deployment }) {
  const workflows = useEditor((state) => state.doc?.tree.workflows);
  const nameOf = (workflowId: string, stepId: string) => {
    const workflow = workflows?.[workflowId];
    return workflow ? `${workflow.name}, ${workflow.steps[stepId]?.name ?? stepId}` : stepId;
  };
  if (deployment.hooks.length + deployment.schedules.length === 0) return null;
  return (
    <ul className="flex flex-col gap-2">
      {deployment.hooks.map((hook) => (
        <li key={`${hook.workflowId} ${hook.stepId}`} className="flex flex-col gap-1">
          <span className="flex items-center gap-1.5 text-small text-ink-2">
            <Webhook className="icon-s" aria-hidden />
            {nameOf(hook.workflowId, hook.stepId)}
          </span>
          <Address url={hook.url} />
        </li>
      ))}
      {deployment.schedules.map((schedule) => (
        <li
          key={`${schedule.workflowId} ${schedule.stepId}`}
          className="flex items-center gap-1.5 text-small text-ink-2"
        >
          <CalendarClock className="icon-s" aria-hidden />
          {nameOf(schedule.workflowId, schedule.stepId)}
          <span className="ml-auto text-ink-3">
            <span className="font-mono">{schedule.cron}</span> {schedule.timezone}
            {schedule.nextRunAt && `, next ${formatTime(schedule.nextRunAt)}`}
          </span>
        </li>
      ))}
    </ul>
  );
}

export function Address({ url }: { url: string }) {
  const [copied, setCopied] = useState(false);
  return (
    <span className="flex h-7.5 items-center gap-1 rounded-control bg-sunken pr-1 pl-2.5 shadow-[inset_0_0_0_1px_var(--line)]">
      <code className="min-w-0 flex-1 truncate font-mono text-[12px]" title={url}>
        {url}
      </code>
      <Button
        look="ghost"
        size="sm"
        aria-label={copied ? 'Copied' : 'Copy the address'}
        icon={copied ? <CopyCheck className="icon-s text-ok-ink" /> : <Copy className="icon-s" />}
        onClick={() => void navigator.clipboard.writeText(url).then(() => setCopied(true))}
      />
    </span>
  );
}

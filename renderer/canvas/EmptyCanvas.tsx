import { Search } from 'lucide-react';
import { NotCreated, TemplateCards, useCreateProject } from '../library/newProject.tsx';
import { plural } from '../look/format.ts';
import { Kbd } from '../look/Kbd.tsx';
import { StepIcon } from '../look/stepIcon.tsx';
import { hasComputer } from '../state/hostFacts.ts';
import { now, useEditor } from '../state/store.ts';
import { addStep } from './commands.ts';

const LIKELY = [
  { type: 'trigger.manual', title: 'By hand', text: 'Press Run' },
  { type: 'trigger.webhook', title: 'Webhook', text: 'A service calls an address' },
  { type: 'trigger.schedule', title: 'Schedule', text: 'Hourly, at 02:00, cron' },
  { type: 'trigger.event', title: 'Event', text: 'An app of yours tells' },
];

/** One question, its likeliest answers, then search and templates. */
export function EmptyCanvas() {
  const types = useEditor((state) => state.stepTypes);
  const templates = useEditor((state) => state.templates);
  const { create, creating, error } = useCreateProject(useEditor((state) => state.doc?.info.sync.workspaceId));
  const computer = useEditor(hasComputer);
  const likely = LIKELY.filter(({ type }) => types[type]);
  return (
    <div className="pointer-events-none absolute inset-0 z-4 flex overflow-auto p-6">
      <div className="pointer-events-auto m-auto flex w-full max-w-160 flex-col gap-6">
        <div>
          <h1 className="text-page font-heading tracking-[-.018em]">What starts this workflow?</h1>
          <p className="mt-2 max-w-110 text-body text-ink-2">
            {computer
              ? 'Pick a trigger, or try a step on its own first. Everything here runs on your computer and costs nothing.'
              : 'Pick a trigger, then add what it should do. It runs once you publish it.'}
          </p>
        </div>
        <div className="grid grid-cols-[repeat(auto-fit,minmax(min(140px,100%),1fr))] gap-2">
          {likely.map(({ type, title, text }) => (
            <button
              key={type}
              type="button"
              onClick={() => addStep(type, {})}
              className="flex h-26 flex-col items-start rounded-card bg-panel p-3 text-left shadow-card transition-shadow hover:shadow-[0_0_0_2px_var(--accent)]"
            >
              <StepIcon uses={type} className="size-5 stroke-[1.6] text-ink-2" />
              <span className="mt-auto font-name">{title}</span>
              <span className="text-small text-ink-3">{text}</span>
            </button>
          ))}
        </div>
        <button
          type="button"
          onClick={() => now().add({})}
          className="field-box flex h-10 items-center gap-2 rounded-control bg-panel px-2.5 text-ink-3"
        >
          <Search className="icon" aria-hidden />
          <span className="flex-1 text-left">Search {plural(Object.keys(types).length, 'step type')}</span>
          <Kbd keys="N" />
        </button>
        {templates.length > 0 && (
          <section>
            <h2 className="mb-2.5 text-body font-heading">Or start from a working one</h2>
            <TemplateCards
              templates={templates.slice(0, 3)}
              creating={creating}
              onChoose={({ title, name }) => void create(title, name)}
            />
            <NotCreated error={error} />
          </section>
        )}
      </div>
    </div>
  );
}

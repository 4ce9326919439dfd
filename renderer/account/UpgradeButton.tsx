import { CreditCard } from 'lucide-react';
import { useState } from 'react';
import { PLANS } from '#shared/plan.ts';
import { Button } from '../look/Button.tsx';
import { formatMoney, formatNumber } from '../look/format.ts';
import { Menu } from '../look/Menu.tsx';
import { editor, now, useEditor } from '../state/store.ts';

const OFFERED = ['starter', 'pro', 'business'] as const;

/** The bigger plans with their price; choosing one opens the provider's page. Nothing where there is none. */
export function UpgradeButton({ workspaceId, look = 'plain' }: { workspaceId: string; look?: 'plain' | 'primary' }) {
  const plan = useEditor((state) => state.account?.workspaces.find((one) => one.id === workspaceId)?.plan);
  const [opening, setOpening] = useState(false);
  if (!plan) return null;
  const bigger = OFFERED.filter((one) => PLANS[one].priceMonthly > PLANS[plan].priceMonthly);
  if (bigger.length === 0) return null;

  async function upgrade(to: (typeof OFFERED)[number]) {
    setOpening(true);
    try {
      const { url, opened } = await editor().client.hosted.upgrade({ workspaceId, plan: to });
      if (!opened) window.open(url, '_blank', 'noopener');
    } catch (thrown) {
      now().fail(thrown, 'The payment page did not open');
    } finally {
      setOpening(false);
    }
  }

  return (
    <Menu
      align="start"
      trigger={
        <Button look={look} icon={<CreditCard className="icon-s" />} busy={opening && 'Opening'} className="self-start">
          Upgrade the plan
        </Button>
      }
      entries={bigger.map((one) => ({
        label: `${PLANS[one].name}: ${formatNumber(PLANS[one].runsPerMonth)} runs a month`,
        hint: `${formatMoney(PLANS[one].priceMonthly)} a month`,
        onSelect: () => void upgrade(one),
      }))}
    />
  );
}

import type { MeterUsage } from '#shared/contract/cloud/common.ts';
import { formatBytes, formatNumber, formatTime } from '../look/format.ts';
import { Meter } from '../look/Meter.tsx';
import { METER_NAMES, metersToShow } from './metersToShow.ts';

/** Used of included, for what matters before a publish. */
export function Usage({ meters }: { meters: MeterUsage[] }) {
  return (
    <div className="flex flex-col gap-3.5">
      {metersToShow(meters).map((meter) => (
        <Meter
          key={`${meter.meter} ${meter.period}`}
          label={`${METER_NAMES[meter.meter] ?? meter.meter} ${meter.period === 'day' ? 'today' : 'this month'}`}
          used={meter.used}
          reserved={meter.reserved}
          included={meter.included}
          format={meter.meter.endsWith('bytes') ? formatBytes : formatNumber}
          note={
            meter.included !== undefined && meter.used + meter.reserved >= meter.included
              ? `Starts again ${formatTime(meter.resetsAt)}`
              : undefined
          }
        />
      ))}
    </div>
  );
}

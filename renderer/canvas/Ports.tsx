import { Handle, Position } from '@xyflow/react';
import type { PortPlace } from './portPlaces.ts';

const percent = (along: number) => `${along * 100}%`;

type PortsProps = {
  /** Of the step. */
  name: string;
  places: PortPlace[];
  type: PortPlace['type'];
};

/** The inputs or the outputs of a card; those of a side that has several say their names. */
export function Ports({ name, places, type }: PortsProps) {
  const own = places.filter((place) => place.type === type);
  const side = type === 'source' ? Position.Right : Position.Left;
  const isNamed = own.filter(({ position }) => position === side).length > 1;
  return own.map((place) => (
    <Port key={place.port} name={name} place={place} isNamed={isNamed && place.position === side} />
  ));
}

/** What a pointer drags from; keys connect by C. */
function Port({ name, place, isNamed }: { name: string; place: PortPlace; isNamed: boolean }) {
  const { port, type, position, along } = place;
  const isBelow = position === Position.Bottom;
  return (
    <>
      <Handle
        id={port}
        type={type}
        position={position}
        role="img"
        aria-label={`${type === 'source' ? 'Output' : 'Input'} ${port} of ${name}`}
        className={port === 'error' && isBelow ? 'port-error' : undefined}
        style={isBelow ? { left: percent(along) } : { top: percent(along) }}
      />
      {isNamed && (
        <span
          aria-hidden
          className="port-name"
          style={{
            [type === 'source' ? 'left' : 'right']: 'calc(100% + 8px)',
            top: `calc(${percent(along)} - 16px)`,
          }}
        >
          {port}
        </span>
      )}
    </>
  );
}

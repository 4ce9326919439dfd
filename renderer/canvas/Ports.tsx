import { Handle, Position } from '@xyflow/react';
import { type CSSProperties, Fragment } from 'react';

/** Along one side, in the middle when there is one. */
const spread = (index: number, count: number) => `${((index + 1) / (count + 1)) * 100}%`;

type PortsProps = {
  /** Of the step. */
  name: string;
  ports: string[];
  loop: boolean;
};

export function Inputs({ name, ports, loop }: PortsProps) {
  const left = loop ? ports.filter((port) => port !== 'next') : ports;
  return (
    <>
      {left.map((port, index) => {
        const top = spread(index, left.length);
        return (
          <Fragment key={port}>
            <Port name={name} port={port} type="target" position={Position.Left} style={{ top }} />
            {left.length > 1 && (
              <span aria-hidden className="port-name" style={{ right: 'calc(100% + 8px)', top: `calc(${top} - 16px)` }}>
                {port}
              </span>
            )}
          </Fragment>
        );
      })}
      {loop && ports.includes('next') && (
        <Port name={name} port="next" type="target" position={Position.Bottom} style={{ left: '52%' }} />
      )}
    </>
  );
}

export function Outputs({ name, ports, loop }: PortsProps) {
  const right = ports.filter((port) => port !== 'error' && !(loop && port === 'loop'));
  return (
    <>
      {right.map((port, index) => {
        const top = spread(index, right.length);
        return (
          <Fragment key={port}>
            <Port name={name} port={port} type="source" position={Position.Right} style={{ top }} />
            {right.length > 1 && (
              <span aria-hidden className="port-name" style={{ left: 'calc(100% + 8px)', top: `calc(${top} - 16px)` }}>
                {port}
              </span>
            )}
          </Fragment>
        );
      })}
      {loop && ports.includes('loop') && (
        <Port name={name} port="loop" type="source" position={Position.Bottom} style={{ left: '28%' }} />
      )}
      {ports.includes('error') && (
        <Port
          name={name}
          port="error"
          type="source"
          position={Position.Bottom}
          className="port-error"
          style={{ left: '82%' }}
        />
      )}
    </>
  );
}

type PortProps = {
  name: string;
  port: string;
  type: 'source' | 'target';
  position: Position;
  style: CSSProperties;
  className?: string;
};

/** What a pointer drags from; keys connect by C. */
function Port({ name, port, ...handle }: PortProps) {
  const side = handle.type === 'source' ? 'Output' : 'Input';
  return <Handle {...handle} id={port} role="img" aria-label={`${side} ${port} of ${name}`} />;
}

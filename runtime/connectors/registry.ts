import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import type { JsonObject } from '#shared/json.ts';
import type { StepCatalog, StepTypeInfo } from '#shared/workflow/catalog.ts';
import { javascript, python, typescript } from './code/code.ts';
import * as csv from './csv/csv.ts';
import { rows } from './csv/rows.ts';
import { compress } from './data/compress.ts';
import { crypto } from './data/crypto.ts';
import { crypto as keys } from './data/cryptoConnector.ts';
import { dateTime } from './data/dateTime.ts';
import { html } from './data/html.ts';
import { markdown } from './data/markdown.ts';
import { template } from './data/template.ts';
import { validate } from './data/validate.ts';
import { xml } from './data/xml.ts';
import * as file from './files/files.ts';
import { lines } from './files/lines.ts';
import { approval, waitForReply } from './flow/approval.ts';
import { filter, ifStep, stop, switchStep } from './flow/branch.ts';
import { respond, runWorkflow, wait } from './flow/control.ts';
import { loop, map, tryGroup } from './flow/groups.ts';
import { merge } from './flow/merge.ts';
import { debug, noOp } from './flow/noOp.ts';
import { http } from './http/connector.ts';
import { request } from './http/http.ts';
import { aggregate } from './items/aggregate.ts';
import { compare } from './items/compare.ts';
import { generate } from './items/generate.ts';
import { limit, set, sort, splitOut } from './items/items.ts';
import { removeDuplicates } from './items/removeDuplicates.ts';
import { rename } from './items/rename.ts';
import { summarize } from './items/summarize.ts';
import * as kv from './kv/kv.ts';
import * as machine from './machine/machine.ts';
import { smtp } from './mail/connector.ts';
import * as mail from './mail/mail.ts';
import { postgres as postgresConnector } from './postgres/connector.ts';
import * as postgres from './postgres/postgres.ts';
import * as sheet from './sheet/sheet.ts';
import * as sqlite from './sqlite/sqlite.ts';
import type { Connector, StepType } from './stepType.ts';
import * as table from './table/table.ts';
import { calledByWorkflow, failedRun } from './trigger/calledBy.ts';
import { form } from './trigger/form.ts';
import { route } from './trigger/route.ts';
import { route as routeCaller } from './trigger/routeCaller.ts';
import { event, hook, manual, schedule } from './trigger/trigger.ts';
import { webhook } from './trigger/webhookConfig.ts';

/** Every step type there is, in the order of the step library. */
export const stepTypes: StepType[] = [
  ...[manual, schedule, hook, route, form, event, calledByWorkflow, failedRun],
  ...[ifStep, switchStep, filter, merge, loop, map, tryGroup, wait, approval, waitForReply, respond, stop, runWorkflow],
  ...[machine.timedOut, machine.send, machine.read],
  ...[noOp, debug],
  ...[set, sort, limit, splitOut, aggregate, generate],
  ...[rename, removeDuplicates, compare, summarize],
  ...[dateTime, crypto, compress, html, markdown, xml, validate, template],
  ...[file.read, file.write, file.list, file.remove, lines],
  ...[csv.read, rows, csv.write, sheet.read, sheet.write],
  ...[javascript, typescript, python],
  ...[request, mail.send],
  ...[kv.get, kv.set],
  ...[table.insert, table.update, table.remove, table.query],
  ...[sqlite.query, sqlite.insert, sqlite.update, sqlite.remove, sqlite.transaction],
  ...[postgres.query, postgres.insert, postgres.update, postgres.remove, postgres.transaction],
] as unknown as StepType[];

/** Every outside system there is. */
export const connectors: Connector[] = [
  http,
  webhook,
  routeCaller,
  keys,
  smtp,
  postgresConnector,
] as unknown as Connector[];

const byName = new Map(stepTypes.map((type) => [type.type, type]));

/**
 * The step type of a name, for configs of this version or older.
 *
 * @throws SluiceError step.type_unknown
 */
export function findStepType(type: string, version = 1): StepType {
  const found = byName.get(type);
  if (!found) {
    throw new SluiceError('step.type_unknown', `There is no step type '${type}'.`, {
      advice: 'Correct its name, or update Sluice.',
      details: { type },
    });
  }
  if (version > found.version) {
    throw new SluiceError('step.type_unknown', `'${type}' is known up to version ${found.version}, not ${version}.`, {
      advice: 'Update Sluice.',
      details: { type, version },
    });
  }
  return found;
}

export function findConnector(name: string): Connector | undefined {
  return connectors.find((connector) => connector.name === name);
}

let made: StepCatalog | undefined;

/** All step types as plain data with JSON Schemas, for the editor and the validator. */
export function catalog(): StepCatalog {
  made ??= Object.fromEntries(stepTypes.map((type) => [type.type, infoOf(type)]));
  return made;
}

/** What the screen for connections needs: fields with titles, and which of them are secret (`widget: 'secret'`). */
export function connectorCatalog(): Record<
  string,
  { name: string; title: string; hosts?: string[]; schema: JsonObject }
> {
  return Object.fromEntries(
    connectors.map(({ name, title, hosts, connection }) => [
      name,
      { name, title, ...(hosts ? { hosts } : {}), schema: schemaOf(connection, 'input') },
    ]),
  );
}

function infoOf(type: StepType): StepTypeInfo {
  const { outputs, outputsFrom, connector, effect } = type;
  const trigger = type.category === 'trigger';
  const info: StepTypeInfo = {
    type: type.type,
    version: type.version,
    title: type.title,
    description: type.description,
    category: type.category,
    icon: type.icon,
    inputs: type.inputs ?? ['main'],
    // A function gives its fixed ports for an empty config.
    outputs: typeof outputs === 'function' ? outputs({} as never) : (outputs ?? ['main']),
    mode: type.mode,
    configSchema: schemaOf(type.config, 'input'),
    outputSchema: schemaOf(type.output, 'output'),
    trigger,
    effect: typeof effect === 'function' ? 'by_config' : effect,
  };
  if (outputsFrom) info.outputsFrom = outputsFrom;
  if (connector) info.connector = connector.name;
  return info;
}

/**
 * The JSON Schema of a zod schema, with our own words on it: `widget`, `placeholder`, `help`, `expression`, `order`.
 * `needed: true` makes a field required of a file although a run takes it missing: an expression may give nothing.
 */
function schemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonObject {
  const { $schema: _, ...made } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override({ jsonSchema }) {
      const needed = Object.entries(jsonSchema.properties ?? {}).filter(
        ([, field]) => typeof field === 'object' && field.needed === true,
      );
      if (needed.length > 0)
        jsonSchema.required = [...new Set([...(jsonSchema.required ?? []), ...needed.map(([name]) => name)])];
    },
  });
  return JSON.parse(JSON.stringify(made)) as JsonObject;
}

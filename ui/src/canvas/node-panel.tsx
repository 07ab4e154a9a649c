import { Trash2, X } from "lucide-react";
import { toast } from "sonner";
import type { JsonObject } from "@/api/types";
import { COMMON_FIELDS, type FormErrors, type Schema, SchemaForm } from "@/forms";
import { Combobox, Field, IconButton, Input, JsonView, Panel, StatusBadge, Switch } from "@/ui";
import { connected, decoration, labelOf, portOf, portsOf, refusal, type Step, without } from "./graph";
import { useFlow, useFlowControl } from "./store";
import { useNodeRun, useSurroundings } from "./surroundings";

type Props = { step: Step; onClose: () => void; onDelete: () => void };

/** Everything about one node: its name, its settings, its wires, what became of it in the run on show. */
export function NodePanel({ step, onClose, onDelete }: Props) {
  const { kinds, problems, editable } = useSurroundings();
  const control = useFlowControl();
  const run = useNodeRun(step.id);
  const kind = kinds.get(step.type);
  const form = kind?.form as Schema | undefined;
  const mine = problems.filter((problem) => problem.nodeId === step.id);
  const errors: Record<string, string> = {};
  for (const problem of mine) {
    if (problem.field)
      errors[`/${problem.field.replaceAll(/\[(\d+)\]/g, ".$1").replaceAll(".", "/")}`] ??= problem.detail;
  }
  const loose = mine.filter((problem) => !problem.field || !shown(problem.field, form));
  const set = (what: string, data: Partial<Step["data"]>, tag: string) =>
    control.edit(
      `${what} of ${labelOf(step)}`,
      (flow) => ({
        nodes: flow.nodes.map((node) =>
          node.id === step.id ? { ...node, data: { ...node.data, ...data } } : node,
        ),
      }),
      `${step.id} ${tag}`,
    );
  const config = step.data.config ?? {};
  const settings = {
    value: config,
    errors: errors as FormErrors,
    disabled: !editable,
    onChange: (value: JsonObject, changed: string) => set(`Edit ${changed}`, { config: value }, changed),
  };
  return (
    <Panel
      id="canvas-node"
      title={labelOf(step)}
      side="right"
      width={400}
      min={320}
      onClose={onClose}
      className="max-md:absolute max-md:right-0 max-md:z-30"
      actions={
        editable && (
          <IconButton label="Delete node" shortcut="delete" icon={Trash2} size="sm" onClick={onDelete} />
        )
      }
    >
      <div className="flex flex-col gap-4 p-4">
        <p className="text-muted text-xs">
          {kind?.description ?? `This server has no kind “${step.type}”.`} Templates read its result as{" "}
          <code className="font-mono">nodes.{step.id}.output</code>.
        </p>
        {loose.map((problem) => (
          <p key={problem.detail} className="break-words text-st-failed text-xs">
            {problem.detail}
          </p>
        ))}
        <Field label="Name">
          <Input
            value={step.data.label ?? ""}
            maxLength={200}
            disabled={!editable}
            onChange={(event) => set("Rename", { label: event.target.value }, "label")}
          />
        </Field>
        {form && (
          <>
            <SchemaForm schema={form} except={COMMON_FIELDS} {...settings} />
            <details className="border-t pt-3">
              <summary className="cursor-pointer font-medium text-sm">Errors, retries and limits</summary>
              <div className="pt-3">
                <SchemaForm schema={form} only={COMMON_FIELDS} {...settings} />
              </div>
            </details>
          </>
        )}
        <Field
          label="Switched off"
          hint="It is passed over: its input goes on as its output."
          className="border-t pt-3"
          aside={
            <Switch
              aria-label="Switched off"
              checked={step.data.disabled ?? false}
              disabled={!editable}
              onCheckedChange={(disabled) => set(disabled ? "Switch off" : "Switch on", { disabled }, "")}
            />
          }
        >
          {null}
        </Field>
        {!decoration(step) && <Wires step={step} />}
        {run && (
          <section className="flex flex-col gap-2 border-t pt-3" aria-label="In this run">
            <h3 className="flex items-center justify-between font-medium text-sm">
              In this run <StatusBadge status={run.status} attempts={run.attempt} />
            </h3>
            {run.error && <p className="break-words text-st-failed text-xs">{run.error.message}</p>}
            {run.remote?.url && (
              <a
                href={run.remote.url}
                target="_blank"
                rel="noreferrer"
                className="text-accent-text text-xs underline"
              >
                Open in {run.remote.provider}
              </a>
            )}
            <JsonView name="input" value={run.input} open={1} />
            <JsonView name="output" value={run.output} open={1} />
          </section>
        )}
      </div>
    </Panel>
  );
}

/** Wires by name: what a pointer does on the canvas, for the keyboard. */
function Wires({ step }: { step: Step }) {
  const { kinds, editable } = useSurroundings();
  const control = useFlowControl();
  const nodes = useFlow((flow) => flow.nodes);
  const edges = useFlow((flow) => flow.edges);
  const out = edges.filter((edge) => edge.source === step.id);
  const name = (id: string) => {
    const found = nodes.find((node) => node.id === id);
    return found ? labelOf(found) : id;
  };
  const others = nodes.filter((node) => node !== step && !decoration(node));
  const connect = (port: string, target: string | null) => {
    if (target === null) return;
    const ends = { source: step.id, target, sourceHandle: port };
    const why = refusal(control.store.getState(), kinds, ends);
    if (why) toast.error("These cannot be connected", { description: why });
    else control.edit("Connect", (flow) => connected(flow, ends));
  };
  return (
    <section className="flex flex-col gap-2 border-t pt-3" aria-label="Wires">
      <h3 className="font-medium text-sm">Leads to</h3>
      <ul className="flex flex-col">
        {out.map((edge) => (
          <li key={edge.id} className="flex items-center gap-2 text-sm">
            <code className="font-mono text-muted text-xs">{portOf(edge)}</code>
            <span className="min-w-0 flex-1 truncate">{name(edge.target)}</span>
            {editable && (
              <IconButton
                label={`Remove the wire to ${name(edge.target)}`}
                icon={X}
                size="sm"
                onClick={() =>
                  control.edit("Disconnect", (flow) => without(flow, new Set(), new Set([edge.id])))
                }
              />
            )}
          </li>
        ))}
      </ul>
      {editable &&
        portsOf(step, kinds).map((port) => (
          <Combobox
            key={port}
            label={`Connect port ${port} to`}
            placeholder={`Connect “${port}” to …`}
            value={null}
            onChange={(target) => connect(port, target)}
            options={others.map((node) => ({ value: node.id, label: labelOf(node), hint: node.id }))}
          />
        ))}
      {!editable && out.length === 0 && <p className="text-muted text-xs">Nothing follows.</p>}
    </section>
  );
}

/** Whether the form draws a field of that name, and with it its error. */
function shown(field: string, form: Schema | undefined): boolean {
  return field in (form?.properties ?? {});
}

import { useEffect, useState } from "react";
import type { JsonObject } from "@/api/types";
import { type Schema, SchemaForm, tabsOf, titleOf } from "@/forms";
import { rich, t } from "@/lib/text";
import { Field, Input, Switch, Tabs, Textarea } from "@/ui";
import { decoration, labelOf, type Step } from "../graph";
import { useFlow, useFlowControl } from "../store";
import { useSurroundings } from "../surroundings";
import { Wires } from "./wires";

const MAIN = t("Settings");
const NOTES = t("Notes");
const WIRES = t("Wires");
const LAST = [t("Retry & time-out"), t("On error"), WIRES, NOTES];

/** The step's settings on the tabs that the server's schema names; a new kind of step needs no code here. */
export function SettingsPane({ step }: { step: Step }) {
  const { kinds, problems, editable, wanted } = useSurroundings();
  const control = useFlowControl();
  const fresh = useFlow((flow) => !flow.saved.nodes.some((node) => node.id === step.id));
  const kind = kinds.get(step.type);
  const form = kind?.form as Schema | undefined;
  const fields = form ? tabsOf(form) : new Map<string, string[]>();
  const led = wanted?.nodeId === step.id ? wanted : null;
  // biome-ignore lint/correctness/useExhaustiveDependencies: once each time that a problem leads here
  useEffect(() => {
    if (led) setTab([...fields].find(([, names]) => names.includes(topOf(led.field)))?.[0] || MAIN);
  }, [led]);
  const mine = problems.filter((problem) => problem.nodeId === step.id);
  const errors: Record<string, string> = {};
  for (const problem of mine) {
    if (problem.field)
      errors[`/${problem.field.replaceAll(/\[(\d+)\]/g, ".$1").replaceAll(".", "/")}`] ??= problem.detail;
  }
  // Opened because of a problem: on the tab that has it.
  const [tab, setTab] = useState(() => {
    const troubled = mine.flatMap((problem) => (problem.field ? [topOf(problem.field)] : []));
    const place = (field: string) => form?.properties?.[field]?.["x-tab"] ?? MAIN;
    return troubled.some((field) => place(field) === MAIN) || !troubled[0] ? MAIN : place(troubled[0]);
  });
  const loose = mine.filter(
    (problem) => !problem.field || !(topOf(problem.field) in (form?.properties ?? {})),
  );
  const set = (what: string, data: Record<string, unknown>, tag: string) =>
    control.edit(
      what,
      (flow) => ({
        nodes: flow.nodes.map((node) =>
          node.id === step.id ? ({ ...node, data: { ...node.data, ...data } } as Step) : node,
        ),
      }),
      tag && `${step.id} ${tag}`,
    );
  const form_ = (only: readonly string[]) =>
    form && (
      <SchemaForm
        schema={form}
        only={only}
        value={step.data.config ?? {}}
        errors={errors}
        calm={fresh}
        disabled={!editable}
        onChange={(value: JsonObject, changed, what) => {
          const title = titleOf(changed, form.properties?.[changed] ?? {});
          set(
            what
              ? t("{what} in {step}", { what, step: labelOf(step) })
              : t("Edit {title} of {step}", { title: worded(title), step: labelOf(step) }),
            { config: value },
            what ? "" : changed,
          );
        }}
      />
    );
  const count = (names: readonly string[]) =>
    mine.filter((problem) => problem.field && names.includes(topOf(problem.field))).length || undefined;
  const named = [...fields.keys()].filter((name) => name !== "" && !LAST.includes(name));
  const names = [
    MAIN,
    ...named,
    ...LAST.filter((name) => fields.has(name) || name === NOTES || name === WIRES),
  ];
  const shown = names.includes(tab) ? tab : MAIN;
  const notes = (step.data as { notes?: unknown }).notes;

  const body = (name: string) => {
    if (name === NOTES) {
      return (
        <Field
          label={t("Notes")}
          hint={t("For people: what this step is for, whom to ask. Kept with the drawing.")}
        >
          <Textarea
            rows={8}
            maxLength={5000}
            disabled={!editable}
            value={typeof notes === "string" ? notes : ""}
            onChange={(event) =>
              set(
                t("Edit notes of {step}", { step: labelOf(step) }),
                { notes: event.target.value || undefined },
                "notes",
              )
            }
          />
        </Field>
      );
    }
    if (name === WIRES) {
      return (
        <>
          {form_(fields.get(WIRES) ?? [])}
          <Field
            label={t("Switched off")}
            hint={t("It is passed over: its input goes on as its output.")}
            aside={
              <Switch
                aria-label={t("Switched off")}
                checked={step.data.disabled ?? false}
                disabled={!editable}
                onCheckedChange={(disabled) =>
                  set(`${disabled ? t("Switch off") : t("Switch on")} ${labelOf(step)}`, { disabled }, "")
                }
              />
            }
          >
            {null}
          </Field>
          {!decoration(step) && <Wires step={step} />}
        </>
      );
    }
    if (name !== MAIN) return form_(fields.get(name) ?? []);
    return (
      <>
        <Field label={t("Name")}>
          <Input
            value={step.data.label ?? ""}
            maxLength={200}
            disabled={!editable}
            onChange={(event) =>
              set(t("Rename {step}", { step: labelOf(step) }), { label: event.target.value }, "label")
            }
          />
        </Field>
        {loose.map((problem) => (
          <p key={problem.detail} className="break-words text-st-failed text-xs">
            {problem.detail}
          </p>
        ))}
        {form_(fields.get("") ?? [])}
        <p className="text-muted text-xs">
          {rich("{description} Templates read its result as {value}.", {
            description: kind?.description ?? t("This server has no kind “{type}”.", { type: step.type }),
            value: <code className="font-mono">{`nodes.${step.id}.output`}</code>,
          })}
        </p>
      </>
    );
  };
  return (
    <Tabs
      label={t("Settings")}
      className="[&>div:first-child]:sticky [&>div:first-child]:top-0 [&>div:first-child]:z-10 [&>div:first-child]:bg-surface"
      value={slug(shown)}
      onChange={(next) => setTab(names.find((name) => slug(name) === next) ?? MAIN)}
      contentClassName="flex flex-col gap-4 pt-3"
      tabs={names.map((name) => ({
        value: slug(name),
        label: name,
        count: count(name === MAIN ? (fields.get("") ?? []) : (fields.get(name) ?? [])),
        content: name === shown ? body(name) : undefined,
      }))}
    />
  );
}

/** For an attribute, which may hold no blanks. */
function slug(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]+/g, "-");
}

function topOf(field: string): string {
  return field.split(/[.[]/)[0] ?? field;
}

/** A title in the middle of a sentence: "body", but "URL". */
function worded(title: string): string {
  return /^[A-Z]{2}/.test(title) ? title : title.charAt(0).toLowerCase() + title.slice(1);
}

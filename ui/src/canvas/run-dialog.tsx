import { useQuery, useQueryClient } from "@tanstack/react-query";
import { History, Play } from "lucide-react";
import { useState } from "react";
import { problemOf, toastProblem } from "@/api/problem";
import { orchestratorQuery, runsQuery, useMay, useStartRun } from "@/api/queries";
import type { JsonObject } from "@/api/types";
import { type FormErrors, glimpse, initial, type Schema, SchemaForm, validate } from "@/forms";
import { usePersistent } from "@/lib/persist";
import { randomKey } from "@/lib/random";
import { t } from "@/lib/text";
import { toast } from "@/lib/toast";
import { Button, CodeEditor, Dialog, Field, Menu, Segmented } from "@/ui";
import { Examples } from "./examples";
import { InputFields } from "./input-fields";
import { useFlow, useFlowControl } from "./store";
import { PlanSteps } from "./testing";
import { usePlan } from "./testing/use-plan";

type Props = {
  id: string;
  onClose: () => void;
  /** Saves what is drawn, if it is not saved. False: it could not. */
  save: () => Promise<boolean>;
  dirty: boolean;
  onStarted: (runId: string) => void;
};

const KEPT = 8;
const VIEWS = [
  { value: "form", label: t("Form") },
  { value: "json", label: t("JSON") },
] as const;

/** The inputs of a run, and what the run will call; then the run. The inputs given last are offered again. */
export function RunDialog({ id, onClose, save, dirty, onStarted }: Props) {
  const schema = useFlow((flow) => flow.base.inputSchema ?? null) as Schema | null;
  const [recent, setRecent] = usePersistent<JsonObject[]>(`recent-inputs:${id}`, []);
  const [text, setText] = useState(() => written(started(schema, recent[0])));
  const [view, setView] = usePersistent<"form" | "json">("inputs-view", "form");
  const [attempt, setAttempt] = useState(0);
  const [key] = useState(randomKey);
  const [saving, setSaving] = useState(false);
  const [fields, setFields] = useState(false);
  const editable = useMay("editor");
  const client = useQueryClient();
  const control = useFlowControl();
  const start = useStartRun();
  const inputs = objectOf(text);
  const problem = start.error ? problemOf(start.error) : null;
  const found = inputs && schema ? validate(schema, inputs) : {};
  const errors = { ...found, ...(problem && attempt > 0 ? refused(problem.errors) : {}) };
  const wrong = inputs === null ? t("This is not a JSON object.") : listed(errors);
  const asForm = schema?.properties !== undefined && view === "form" && inputs !== null;

  const change = (value: string) => {
    setText(value);
    if (start.error) start.reset();
  };
  const run = async () => {
    setAttempt(attempt + 1);
    if (inputs === null || Object.keys(found).length > 0) return;
    setSaving(true);
    const saved = await save().finally(() => setSaving(false));
    if (!saved) return;
    start.mutate(
      { orchestratorId: id, inputs, key, revision: control.store.getState().revision },
      {
        onSuccess: (made) => {
          const others = recent.filter((each) => JSON.stringify(each) !== JSON.stringify(inputs));
          setRecent([inputs, ...others].slice(0, KEPT));
          onStarted(made.id);
        },
      },
    );
  };
  const takeLast = async () => {
    try {
      const pages = await client.fetchInfiniteQuery({
        ...runsQuery({ orchestratorId: id }, 1),
        staleTime: 0,
      });
      const last = pages.pages[0]?.items[0];
      if (last) change(written(last.inputs as JsonObject));
      else toast(t("There is no run yet whose input could be used"));
    } catch (error) {
      toastProblem(error, t("The last run's input was not fetched"));
    }
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t("Run")}
      description={t("The inputs are read in templates as “input”.")}
      footer={
        <>
          <Button onClick={onClose}>{t("Cancel")}</Button>
          <Button
            variant="primary"
            icon={Play}
            disabled={inputs === null}
            pending={saving || start.isPending}
            onClick={() => void run()}
          >
            {dirty ? t("Save and run") : t("Start run")}
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-3">
        <div className="flex flex-wrap items-center gap-2">
          <Button size="sm" icon={History} onClick={() => void takeLast()}>
            {t("Use last run's input")}
          </Button>
          <Examples
            id={id}
            inputs={inputs}
            schema={schema}
            save={save}
            onUse={(kept) => change(written(kept))}
          />
          {recent.length > 1 && (
            <Menu
              trigger={<Button size="sm">{t("Recent inputs")}</Button>}
              items={recent.map((each) => ({
                label: short(each),
                onSelect: () => change(written(each)),
              }))}
            />
          )}
          <span className="flex-1" />
          {editable && (
            <Button size="sm" variant="ghost" onClick={() => setFields(true)}>
              {t("Fields …")}
            </Button>
          )}
          {schema?.properties && (
            <Segmented label={t("Inputs as")} value={view} onChange={setView} options={VIEWS} />
          )}
        </div>
        {asForm ? (
          <SchemaForm
            schema={schema}
            value={inputs}
            onChange={(value) => change(written(value))}
            errors={errors}
            calm
            attempt={attempt}
          />
        ) : (
          <Field label={t("Inputs")} error={wrong}>
            <CodeEditor language="json" value={text} onChange={change} minHeight={160} maxHeight={420} />
          </Field>
        )}
        {problem && problem.code !== "inputs-invalid" && (
          <div role="alert" className="text-st-failed text-sm">
            <p>
              {problem.detail ?? problem.title} {problem.hint}
            </p>
            <ul className="list-disc pl-5">
              {problem.problems.map((each) => (
                <li key={each.detail}>{each.detail}</li>
              ))}
            </ul>
          </div>
        )}
        <Forecast />
        <Which id={id} dirty={dirty} />
      </div>
      {fields && <InputFields id={id} inputs={inputs} save={save} onClose={() => setFields(false)} />}
    </Dialog>
  );
}

/** Which revision runs, where triggers run another. */
function Which({ id, dirty }: { id: string; dirty: boolean }) {
  const { data: published } = useQuery({
    ...orchestratorQuery(id),
    enabled: false,
    select: (found) => found.publishedRevision,
  });
  const revision = useFlow((flow) => flow.revision);
  if (published === undefined || published === null || (published === revision && !dirty)) return null;
  return (
    <p className="text-muted text-sm">
      {t("This runs {what}. Triggers run revision {published}, which is published.", {
        what: dirty ? t("what is drawn here") : t("revision {revision}", { revision }),
        published,
      })}
    </p>
  );
}

/** What the run will do, in a sentence; opened, step by step. */
function Forecast() {
  const { data: plan } = usePlan(null, "all");
  if (!plan || plan.steps.length === 0) return null;
  return (
    <details className="border-t pt-3">
      <summary className="cursor-pointer text-muted text-sm hover:text-ink">{plan.summary}</summary>
      <PlanSteps plan={plan} className="mt-2" />
    </details>
  );
}

function started(schema: Schema | null, last: JsonObject | undefined): JsonObject {
  const empty = schema ? initial({ ...schema, type: "object" }) : {};
  return { ...(empty as JsonObject), ...last };
}

function written(value: JsonObject): string {
  return JSON.stringify(value, null, 2);
}

function short(value: JsonObject): string {
  const parts = Object.entries(value).map(([name, each]) => `${name}: ${glimpse(each)}`);
  return parts.slice(0, 3).join(", ") || t("no inputs");
}

/** The server's pointers are into the request; the form's are into the inputs. */
function refused(errors: readonly { pointer: string; detail: string }[]): FormErrors {
  return Object.fromEntries(errors.map((each) => [each.pointer.replace(/^\/inputs/, ""), each.detail]));
}

function listed(errors: FormErrors): string | undefined {
  const lines = Object.entries(errors).map(([pointer, detail]) => `${pointer || "/"}: ${detail}`);
  return lines.slice(0, 4).join(" ") || undefined;
}

function objectOf(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text.trim() || "{}");
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as JsonObject)
      : null;
  } catch {
    return null;
  }
}

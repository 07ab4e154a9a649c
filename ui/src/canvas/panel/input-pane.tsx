import type { UseQueryResult } from "@tanstack/react-query";
import { ClipboardPaste } from "lucide-react";
import { useState } from "react";
import type { SampleFrom } from "@/api/queries";
import type { JsonObject, Sample, SampleRun } from "@/api/types";
import type { FormSurroundings } from "@/forms";
import { rich, t } from "@/lib/text";
import { Button, Loaded, Select, Timestamp } from "@/ui";
import { labelOf, type Step } from "../graph";
import { useFlow } from "../store";
import { useSurroundings } from "../surroundings";
import { PinEditor } from "../testing/pin-editor";
import { StepData } from "./data-view";
import { before, importedOf } from "./sample";

type Props = {
  step: Step;
  query: UseQueryResult<Sample>;
  surroundings: FormSurroundings;
  from: SampleFrom;
  onFrom: (from: SampleFrom) => void;
};

/** What the step is given: by pins, by earlier runs, by an example, or as its platform describes it. */
export function InputPane({ step, query, surroundings, from, onFrom }: Props) {
  const { editable } = useSurroundings();
  const nodes = useFlow((flow) => flow.nodes);
  const edges = useFlow((flow) => flow.edges);
  const [pasting, setPasting] = useState<Step | null>(null);
  const near = before({ nodes, edges }, step.id);
  const shown = (
    <Loaded query={query}>
      {(sample) => {
        const scope = surroundings.scope ?? sample.context;
        const outputs = (scope.nodes ?? {}) as JsonObject;
        const missing = near.filter((node) => sample.missing.includes(node.id));
        const others = Object.entries(outputs).filter(([id]) => near.length !== 1 || id !== near[0]?.id);
        const bare =
          near.length === 0 &&
          sample.from === null &&
          sample.example === null &&
          Object.keys((scope.input ?? {}) as JsonObject).length === 0;
        const nothing = near.length > 0 && missing.length === near.length;
        const hinted = missing.some((node) => importedOf(node).outputs);
        return (
          <div className="flex min-w-0 flex-col gap-2">
            {!bare && !nothing && <Source sample={sample} near={near} />}
            {missing.map((node) => (
              <div
                key={node.id}
                className="flex flex-col items-start gap-1.5 rounded-md bg-sunken p-2 text-xs"
              >
                <p className="text-muted">
                  {LACKS[from.source ?? "auto"](labelOf(node))}
                  {importedOf(node).outputs &&
                    t(" Its platform says which fields it gives; they are shown by type.")}
                </p>
                {editable && from.source !== "schema" && (
                  <Button size="sm" icon={ClipboardPaste} onClick={() => setPasting(node)}>
                    {t("Paste an example")}
                  </Button>
                )}
              </div>
            ))}
            {bare && (
              <p className="rounded-md bg-sunken p-2 text-muted text-xs">
                {from.source === "schema"
                  ? t("The fields of the input are not described: “Fields …” in the Run dialog does that.")
                  : t("No sample yet: what a run is started with comes here. Run this orchestrator once.")}
              </p>
            )}
            {sample.shortened && (
              <p className="text-st-waiting text-xs">
                {t("Shortened: long lists and texts are cut here, not in a run.")}
              </p>
            )}
            {!(bare || (nothing && !hinted)) && (
              <StepData
                label={t("Input")}
                places={editable ? surroundings.places : undefined}
                roots={[
                  { name: "data", path: "data", value: scope.data, open: 2 },
                  ...(near.length === 0 ? [] : [{ name: "input", path: "input", value: scope.input }]),
                  ...(others.length > 0 ? [{ name: "nodes", path: "nodes", value: outputs }] : []),
                  ...(scope.callback ? [{ name: "callback", path: "callback", value: scope.callback }] : []),
                  { name: "run", path: "run", value: scope.run },
                ]}
              />
            )}
            {pasting && <PinEditor step={pasting} onClose={() => setPasting(null)} />}
          </div>
        );
      }}
    </Loaded>
  );
  return (
    <div className="flex min-w-0 flex-col gap-2">
      <SourceSwitch from={from} onFrom={onFrom} />
      {shown}
    </div>
  );
}

const LACKS: Record<NonNullable<SampleFrom["source"]>, (name: string) => string> = {
  auto: (name) => t("No sample of “{name}” yet: run it, or paste an example.", { name }),
  run: (name) => t("No run has an output of “{name}” yet.", { name }),
  pinned: (name) => t("“{name}” has no pinned output.", { name }),
  example: (name) => t("No sample of “{name}” yet: run it, or paste an example.", { name }),
  schema: (name) => t("What “{name}” gives is not described by a platform.", { name }),
};

const EXAMPLE = "example ";

/** Where the sample is to be from. */
function SourceSwitch({ from, onFrom }: Pick<Props, "from" | "onFrom">) {
  const examples = useFlow((flow) => flow.base.examples);
  return (
    <Select
      label={t("Sample from")}
      value={from.source === "example" ? EXAMPLE + from.example : (from.source ?? "auto")}
      onChange={(next) =>
        onFrom(
          next.startsWith(EXAMPLE)
            ? { source: "example", example: next.slice(EXAMPLE.length) }
            : { source: next as SampleFrom["source"] },
        )
      }
      options={[
        { value: "auto", label: t("Pinned, else the last run") },
        { value: "run", label: t("Last run") },
        { value: "pinned", label: t("Pinned") },
        ...(examples ?? []).map(({ name }) => ({
          value: EXAMPLE + name,
          label: t("Example: {name}", { name }),
        })),
        { value: "schema", label: t("As the platform describes it") },
      ]}
    />
  );
}

function Source({ sample, near }: { sample: Sample; near: readonly Step[] }) {
  if (near.length === 0) {
    // An example, or what is described: the switch above says it.
    if (!sample.from) return null;
    return (
      <p className="text-muted text-xs">
        <From run={sample.from} />
      </p>
    );
  }
  const known = near.filter((node) => sample.sources[node.id]);
  return (
    <ul className="flex flex-col text-muted text-xs">
      {known.map((node) => {
        const source = sample.sources[node.id];
        return (
          <li key={node.id} className="min-w-0 truncate">
            {near.length > 1 && <span className="text-ink">{labelOf(node)}: </span>}
            {source?.run ? (
              <From run={source.run} />
            ) : source?.kind === "schema" ? (
              t("as its platform describes it")
            ) : (
              t("pinned example")
            )}
          </li>
        );
      })}
    </ul>
  );
}

export function From({ run }: { run: SampleRun }) {
  return rich("from run {number} · {when}", { number: run.number, when: <Timestamp at={run.at} /> });
}

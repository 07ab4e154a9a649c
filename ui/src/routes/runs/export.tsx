import { Download, Square } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { toastProblem } from "@/api/problem";
import { everyRun, type RunFilter } from "@/api/queries";
import type { RunItem } from "@/api/types";
import { t } from "@/lib/text";
import { count } from "@/lib/time";
import { Button, Menu } from "@/ui";
import { csvOf } from "./rows";

type Format = "csv" | "json";
const TYPES: Record<Format, string> = { csv: "text/csv", json: "application/json" };

/** The selected runs as a file. */
export function ExportSelected({ runs }: { runs: readonly RunItem[] }) {
  const go = (format: Format) => () =>
    save([format === "csv" ? csvOf(runs) : JSON.stringify(runs, null, 2)], format);
  return (
    <Choice
      heading={`${t("{runs, plural, one {# selected run} other {# selected runs}}", { runs: runs.length })}`}
      go={go}
      disabled={runs.length === 0}
    />
  );
}

/** All runs that match, however many are in the list: fetched page by page, and made to text as they come. */
export function ExportAll({ filter, disabled }: { filter: RunFilter; disabled: boolean }) {
  const [got, setGot] = useState<number | null>(null);
  const stop = useRef<AbortController | null>(null);
  useEffect(() => () => stop.current?.abort(), []);
  const go = (format: Format) => async () => {
    const control = new AbortController();
    stop.current = control;
    setGot(0);
    const parts: string[] = [];
    let sum = 0;
    try {
      for await (const runs of everyRun(filter, control.signal)) {
        if (format === "csv") parts.push(csvOf(runs, sum === 0));
        else parts.push(...runs.map((run, at) => `${sum + at ? ",\n" : "[\n"}${JSON.stringify(run)}`));
        sum += runs.length;
        setGot(sum);
      }
      if (format === "json") parts.push(sum ? "\n]\n" : "[]\n");
      save(parts, format);
    } catch (error) {
      if (!control.signal.aborted) toastProblem(error, t("The runs were not exported"));
    } finally {
      setGot(null);
    }
  };
  if (got !== null) {
    return (
      <Button size="sm" icon={Square} onClick={() => stop.current?.abort()}>
        {t("Stop the export, {got} so far", { got: count(got) })}
      </Button>
    );
  }
  return (
    <Choice heading={t("All runs that match")} go={(format) => () => void go(format)()} disabled={disabled} />
  );
}

type ChoiceProps = { heading: string; go: (format: Format) => () => void; disabled: boolean };

function Choice({ heading, go, disabled }: ChoiceProps) {
  return (
    <Menu
      align="end"
      trigger={
        <Button size="sm" icon={Download} disabled={disabled}>
          {t("Export")}
        </Button>
      }
      items={[
        { heading },
        { label: t("CSV"), onSelect: go("csv") },
        { label: t("JSON"), onSelect: go("json") },
      ]}
    />
  );
}

function save(parts: string[], format: Format): void {
  const url = URL.createObjectURL(new Blob(parts, { type: `${TYPES[format]};charset=utf-8` }));
  const link = document.createElement("a");
  link.href = url;
  link.download = `runs.${format}`;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

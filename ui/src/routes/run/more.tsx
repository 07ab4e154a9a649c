import { useNavigate } from "@tanstack/react-router";
import { Download, Ellipsis, History, Link2, Tags, Workflow } from "lucide-react";
import { useState } from "react";
import { toastProblem } from "@/api/problem";
import { useLabelRun } from "@/api/queries";
import type { RunDetail } from "@/api/types";
import { t } from "@/lib/text";
import { toast } from "@/lib/toast";
import { Button, Dialog, Field, IconButton, Menu, Textarea } from "@/ui";
import { labelsOf } from "./labels";

/** What else can be done with a run. `node` goes with it to the canvas. */
export function More({ run, node, may }: { run: RunDetail; node: string | undefined; may: boolean }) {
  const navigate = useNavigate();
  const [labelling, setLabelling] = useState(false);
  const copy = () =>
    navigator.clipboard.writeText(window.location.href).then(
      () => toast.success(t("Link copied")),
      () => toast.error(t("The browser does not let this page write to the clipboard.")),
    );
  const canvas = (search: { run?: string; node?: string }) => () =>
    void navigate({ to: "/orchestrators/$id", params: { id: run.orchestratorId }, search });
  return (
    <>
      <Menu
        align="end"
        trigger={<IconButton icon={Ellipsis} label={t("More")} />}
        items={[
          { label: t("Copy link to this view"), icon: Link2, onSelect: () => void copy() },
          { label: t("Export as JSON"), icon: Download, onSelect: () => save(run) },
          ...(may ? [{ label: t("Change labels …"), icon: Tags, onSelect: () => setLabelling(true) }] : []),
          { separator: true },
          {
            label: t("Open on the canvas"),
            icon: History,
            onSelect: canvas(node === undefined ? { run: run.id } : { run: run.id, node }),
          },
          { label: t("Open the orchestrator"), icon: Workflow, onSelect: canvas({}) },
        ]}
      />
      {labelling && <Labels run={run} onClose={() => setLabelling(false)} />}
    </>
  );
}

function save(run: RunDetail): void {
  const url = URL.createObjectURL(new Blob([JSON.stringify(run, null, 2)], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = `run-${run.number}.json`;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** The labels as lines of text. Mount it to open it. */
function Labels({ run, onClose }: { run: RunDetail; onClose: () => void }) {
  const change = useLabelRun();
  const [text, setText] = useState(() =>
    Object.entries(run.labels)
      .map(([key, value]) => `${key}:${value}`)
      .join("\n"),
  );
  const found = labelsOf(text);
  const problem = typeof found === "string" ? found : undefined;
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t("Labels of run {number}", { number: run.number })}
      footer={
        <>
          <Button onClick={onClose}>{t("Close")}</Button>
          <Button
            variant="primary"
            pending={change.isPending}
            disabled={typeof found === "string"}
            onClick={() =>
              typeof found !== "string" &&
              change.mutate(
                { id: run.id, labels: found },
                {
                  onSuccess: onClose,
                  onError: (error) => toastProblem(error, t("The labels were not changed")),
                },
              )
            }
          >
            {t("Save labels")}
          </Button>
        </>
      }
    >
      <Field label={t("Labels")} hint={t("One in a line, as in customer:4711.")} error={problem}>
        <Textarea rows={5} value={text} onChange={(event) => setText(event.target.value)} />
      </Field>
    </Dialog>
  );
}

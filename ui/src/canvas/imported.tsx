import { CircleCheck, Download, RefreshCw, TriangleAlert } from "lucide-react";
import { useState } from "react";
import { toastProblem } from "@/api/problem";
import { remoteNode, useCheckDrift } from "@/api/queries";
import type { Imported, JsonObject } from "@/api/types";
import { rich, t } from "@/lib/text";
import { toast } from "@/lib/toast";
import { Button, IconButton, Timestamp } from "@/ui";
import { useDrift } from "./drift";
import { changed, labelOf, type Step } from "./graph";
import { useFlow, useFlowControl } from "./store";
import { useSurroundings } from "./surroundings";

/** Of a step that calls a remote workflow: when it was imported, whether that has changed since, and importing it again. */
export function ImportedNotice({ step }: { step: Step }) {
  const { id, editable } = useSurroundings();
  const control = useFlowControl();
  const revision = useFlow((flow) => flow.revision);
  const check = useCheckDrift(id, revision);
  const [pending, setPending] = useState(false);
  const { kept, drift, known, isFetching } = useDrift(step);
  const of = workflowOf(step);
  if (step.type !== "RemoteWebhook" || !of) return null;

  const again = async () => {
    setPending(true);
    try {
      const { data } = await remoteNode({ ...of, name: labelOf(step) });
      const config: JsonObject = { ...step.data.config, method: data.config.method };
      control.edit(`${kept ? t("Re-import") : t("Import")} ${labelOf(step)}`, (flow) =>
        changed(flow, new Set([step.id]), { config, imported: data.imported } as Step["data"]),
      );
      toast.success(t("{step} is up to date", { step: labelOf(step) }), {
        description: difference(kept, data.imported),
      });
    } catch (error) {
      toastProblem(error, t("{step} was not imported", { step: labelOf(step) }));
    } finally {
      setPending(false);
    }
  };
  const button = (label: string) =>
    editable && (
      <Button size="sm" icon={Download} pending={pending} onClick={() => void again()}>
        {label}
      </Button>
    );
  if (!kept) {
    return (
      <Line text={t("Its inputs and an example were not imported.")} aside={button(t("Import"))}>
        {null}
      </Line>
    );
  }
  if (known?.changed) {
    return (
      <Line
        icon={<TriangleAlert aria-hidden className="size-4 shrink-0 text-st-warning" />}
        text={t("Changed since import.")}
        aside={button(t("Re-import"))}
      >
        {rich("Imported {when}", { when: <Timestamp at={kept.at} /> })}
      </Line>
    );
  }
  return (
    <Line
      icon={known?.changed === false && <CircleCheck aria-hidden className="size-4 shrink-0 text-st-done" />}
      text={
        known?.changed === false
          ? t("Unchanged since import.")
          : known?.problem
            ? t("It cannot be compared: {message}.", { message: known.problem.message })
            : isFetching
              ? t("Being compared with the platform …")
              : t("Compared with the platform once it is saved.")
      }
      aside={
        drift && (
          <IconButton
            size="sm"
            icon={RefreshCw}
            label={t("Compare with the platform now")}
            disabled={check.isPending}
            onClick={() =>
              check.mutate(undefined, { onError: (error) => toastProblem(error, t("It was not compared")) })
            }
          />
        )
      }
    >
      {rich("Imported {when}", { when: <Timestamp at={kept.at} /> })}
    </Line>
  );
}

function Line({
  icon,
  text,
  aside,
  children,
}: {
  icon?: React.ReactNode;
  text: string;
  aside: React.ReactNode;
  children: React.ReactNode;
}) {
  return (
    <section
      aria-label={t("Import")}
      className="mt-3 mb-1 flex min-h-10 items-center gap-2 rounded-md bg-sunken px-3 py-1.5 text-sm"
    >
      {icon}
      <p role="status" className="min-w-0 flex-1">
        {text} {children && <span className="block text-muted text-xs">{children}</span>}
      </p>
      {aside}
    </section>
  );
}

function workflowOf({ data }: Step): { provider: string; connectionId: string; id: string } | null {
  const { provider, connectionId, workflowId: id } = data.config ?? {};
  return typeof provider === "string" && typeof connectionId === "string" && typeof id === "string" && id
    ? { provider, connectionId, id }
    : null;
}

/** Which inputs came and went, in words. */
function difference(before: Imported | null, now: Imported): string | undefined {
  const [old, fresh] = [fields(before?.inputs), fields(now.inputs)];
  const added = fresh.filter((name) => !old.includes(name));
  const gone = old.filter((name) => !fresh.includes(name));
  const parts = [
    added.length > 0 && t("New inputs: {added}.", { added: added.join(", ") }),
    gone.length > 0 && t("No longer taken: {gone}.", { gone: gone.join(", ") }),
  ].filter(Boolean);
  return before && parts.length ? parts.join(" ") : undefined;
}

function fields(schema: unknown): string[] {
  const properties = (schema as { properties?: object } | null | undefined)?.properties;
  return properties ? Object.keys(properties) : [];
}

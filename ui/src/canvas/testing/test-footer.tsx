import { FlaskConical, Pin, RotateCcw, Users } from "lucide-react";
import { useState } from "react";
import { useMay } from "@/api/queries";
import type { Plan } from "@/api/types";
import { keyOf } from "@/lib/shortcuts";
import { rich, t } from "@/lib/text";
import { Button, Kbd, Tooltip } from "@/ui";
import { decoration, type Step } from "../graph";
import { useFlow } from "../store";
import { useTesting } from "./context";
import { PinEditor } from "./pin-editor";
import { usePlan } from "./use-plan";
import { useOrigin, useTester } from "./use-tester";

/** Tests the step alone, or all that leads up to it, and says beforehand what that reuses and calls. */
export function TestFooter({ nodeId }: { nodeId: string }) {
  const step = useFlow((flow) => flow.nodes.find((node) => node.id === nodeId));
  const testing = useTesting();
  const may = useMay("operator");
  if (!step || decoration(step) || !testing || !may) return null;
  return <Footer step={step} />;
}

function Footer({ step }: { step: Step }) {
  const [source, setSource] = useOrigin();
  const [writing, setWriting] = useState<string | null>(null);
  const alone = usePlan(step.id, "node", source);
  const upTo = usePlan(step.id, "upTo", source);
  const { start, busy } = useTester();
  const written = useFlow((flow) => flow.nodes.find((node) => node.id === writing));
  const missing = alone.data?.steps.filter((each) => each.action === "missing") ?? [];
  const lacking = alone.data?.problems.find((problem) => problem.code !== "outputs-missing");
  return (
    <section aria-label={t("Test")} className="flex flex-col gap-2 border-t bg-surface px-4 py-3">
      <Row
        label={t("Test step")}
        tip={keyOf("test")}
        plan={alone.data}
        pending={busy === "node"}
        disabled={missing.length > 0 || lacking !== undefined}
        onClick={() => void start(step.id, "node")}
      />
      {missing.length > 0 && (
        <ul className="flex flex-col gap-2 rounded-md bg-sunken p-2.5" aria-label={t("Missing outputs")}>
          {missing.map((each) => (
            <li key={each.nodeId} className="flex flex-col gap-1.5 text-xs">
              <p>
                {rich("{label} has no output yet", {
                  label: <strong className="font-medium">{each.label}</strong>,
                })}
                {source === "last" && t(", in nobody's runs")}.
              </p>
              <span className="flex flex-wrap gap-1.5">
                <Button size="sm" icon={RotateCcw} onClick={() => void start(each.nodeId, "upTo")}>
                  {t("Run it")}
                </Button>
                <Button size="sm" icon={Pin} onClick={() => setWriting(each.nodeId)}>
                  {t("Pin data")}
                </Button>
                {source === "mine" && (
                  <Button size="sm" icon={Users} onClick={() => setSource("last")}>
                    {t("Use last run")}
                  </Button>
                )}
              </span>
            </li>
          ))}
        </ul>
      )}
      <Row
        label={t("Test up to here")}
        plan={upTo.data}
        pending={busy === "upTo"}
        disabled={(upTo.data?.problems.length ?? 0) > 0}
        onClick={() => void start(step.id, "upTo")}
      />
      {source === "last" && missing.length === 0 && (
        <p className="flex items-center justify-between gap-2 text-muted text-xs">
          {t("Outputs of everybody's runs are reused.")}
          <Button size="sm" variant="ghost" onClick={() => setSource("mine")}>
            {t("Only mine")}
          </Button>
        </p>
      )}
      {written && <PinEditor step={written} onClose={() => setWriting(null)} />}
    </section>
  );
}

type RowProps = {
  label: string;
  tip?: string | undefined;
  plan: Plan | undefined;
  pending: boolean;
  disabled: boolean;
  onClick: () => void;
};

function Row({ label, tip, plan, pending, disabled, onClick }: RowProps) {
  const problem = plan?.problems.find((each) => each.code !== "outputs-missing");
  const button = (
    <Button
      size="sm"
      icon={FlaskConical}
      className="w-36 justify-start"
      disabled={disabled}
      pending={pending}
      onClick={onClick}
    >
      {label}
    </Button>
  );
  return (
    <div className="flex items-center gap-2.5">
      {tip ? (
        <Tooltip
          content={
            <span className="flex items-center gap-2">
              {label} <Kbd keys={tip} />
            </span>
          }
        >
          {button}
        </Tooltip>
      ) : (
        button
      )}
      <p className={`min-w-0 flex-1 break-words text-xs ${problem ? "text-st-failed" : "text-muted"}`}>
        {problem?.detail ?? plan?.summary ?? "…"}
      </p>
    </div>
  );
}

import { X } from "lucide-react";
import { t } from "@/lib/text";
import { toast } from "@/lib/toast";
import { Combobox, IconButton } from "@/ui";
import { connected, decoration, labelOf, portOf, portsOf, refusal, type Step, without } from "../graph";
import { useFlow, useFlowControl } from "../store";
import { useSurroundings } from "../surroundings";

/** Wires by name: what a pointer does on the canvas, for the keyboard. */
export function Wires({ step }: { step: Step }) {
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
    if (why) toast.error(t("These cannot be connected"), { description: why });
    else control.edit(t("Connect"), (flow) => connected(flow, ends));
  };
  return (
    <section className="flex flex-col gap-2 border-t pt-3" aria-label={t("Wires")}>
      <h3 className="font-medium text-sm">{t("Leads to")}</h3>
      <ul className="flex flex-col">
        {out.map((edge) => (
          <li key={edge.id} className="flex items-center gap-2 text-sm">
            <code className="font-mono text-muted text-xs">{portOf(edge)}</code>
            <span className="min-w-0 flex-1 truncate">{name(edge.target)}</span>
            {editable && (
              <IconButton
                label={t("Remove the wire to {name}", { name: name(edge.target) })}
                icon={X}
                size="sm"
                onClick={() =>
                  control.edit(t("Disconnect"), (flow) => without(flow, new Set(), new Set([edge.id])))
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
            label={t("Connect port {port} to", { port })}
            placeholder={t("Connect “{port}” to …", { port })}
            value={null}
            onChange={(target) => connect(port, target)}
            options={others.map((node) => ({ value: node.id, label: labelOf(node), hint: node.id }))}
          />
        ))}
      {!editable && out.length === 0 && <p className="text-muted text-xs">{t("Nothing follows.")}</p>}
    </section>
  );
}

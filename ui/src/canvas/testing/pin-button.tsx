import { Pencil, Pin, PinOff } from "lucide-react";
import { useState } from "react";
import { keyOf } from "@/lib/shortcuts";
import { t } from "@/lib/text";
import { IconButton, Menu } from "@/ui";
import { decoration } from "../graph";
import { useFlow } from "../store";
import { useNodeRun, useSurroundings } from "../surroundings";
import { PinEditor } from "./pin-editor";
import { pinned } from "./pins";
import { usePinning } from "./use-pinning";

/** Pins the step's last output for tests, or lets it be written by hand. A key does the first. */
export function PinButton({ nodeId }: { nodeId: string }) {
  const step = useFlow((flow) => flow.nodes.find((node) => node.id === nodeId));
  const { editable } = useSurroundings();
  const run = useNodeRun(nodeId);
  const { toggle } = usePinning();
  const [editing, setEditing] = useState(false);
  if (!editable || !step || decoration(step)) return null;
  const on = pinned(step);
  return (
    <>
      <Menu
        align="end"
        trigger={
          <IconButton
            label={on ? t("Pinned output") : t("Pin the output")}
            icon={on ? PinOff : Pin}
            size="sm"
            pressed={on}
          />
        }
        items={[
          {
            label: on ? t("Unpin") : t("Pin the last output"),
            icon: on ? PinOff : Pin,
            shortcut: keyOf("pin"),
            onSelect: () => void toggle(step),
          },
          {
            label: on ? t("Edit the pinned output …") : t("Pin an output by hand …"),
            icon: Pencil,
            onSelect: () => setEditing(true),
          },
        ]}
      />
      {editing && <PinEditor step={step} output={run?.output} onClose={() => setEditing(false)} />}
    </>
  );
}

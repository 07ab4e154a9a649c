import { useReactFlow } from "@xyflow/react";
import { useEffect, useRef, useState } from "react";
import { toastProblem } from "@/api/problem";
import { useWriteComment } from "@/api/queries";
import { t } from "@/lib/text";
import { Button, Select, Textarea } from "@/ui";
import { labelOf } from "../graph";
import { useFlow } from "../store";
import { useSurroundings } from "../surroundings";
import { useNarrow } from "../use-narrow";

const LIMIT = 4000;

type WriteProps = {
  label: string;
  /** What the button says. */
  action: string;
  initial?: string;
  pending: boolean;
  /** Rejected: the text stays. */
  onSend: (text: string) => Promise<unknown>;
  onCancel?: () => void;
  focused?: boolean;
  what: string;
};

/** A text to be sent: by its button, or by Ctrl or Cmd and Enter. */
export function Write({ label, action, initial = "", pending, onSend, onCancel, focused, what }: WriteProps) {
  const [text, setText] = useState(initial);
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    if (focused) field.current?.focus();
  }, [focused]);
  const send = async () => {
    if (text.trim() === "" || pending) return;
    try {
      await onSend(text);
      setText("");
    } catch (error) {
      toastProblem(error, what);
    }
  };
  return (
    <form
      className="flex flex-col gap-2"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <Textarea
        ref={field}
        aria-label={label}
        placeholder={label}
        value={text}
        rows={initial ? 3 : 2}
        maxLength={LIMIT}
        spellCheck
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            void send();
          }
          // What is written here is not lost to the key that closes the panel.
          if (event.key !== "Escape" || (text.trim() === "" && !onCancel)) return;
          event.preventDefault();
          if (onCancel && text === initial) onCancel();
          else field.current?.blur();
        }}
      />
      <span className="flex items-center justify-end gap-2">
        {text.length > LIMIT - 500 && (
          <span className="tabular mr-auto text-muted text-xs">
            {t("{text} of {limit}", { text: text.length, limit: LIMIT })}
          </span>
        )}
        {onCancel && (
          <Button size="sm" variant="ghost" onClick={onCancel}>
            {t("Cancel")}
          </Button>
        )}
        <Button size="sm" type="submit" pending={pending} disabled={text.trim() === "" || text === initial}>
          {action}
        </Button>
      </span>
    </form>
  );
}

type Spot = { x: number; y: number };
type Props = {
  /** The node that the panel is narrowed to. */
  about: string | undefined;
  focused: boolean;
};

/** A new thread: about the selected node, the whole drawing, or a place that is clicked. */
export function Composer({ about, focused }: Props) {
  const { id } = useSurroundings();
  const narrow = useNarrow();
  const write = useWriteComment(id);
  const chosen = useFlow((flow) =>
    flow.selection.nodes.size === 1 ? [...flow.selection.nodes][0] : undefined,
  );
  const node = about ?? chosen;
  const name = useFlow((flow) => {
    const found = flow.nodes.find((each) => each.id === node);
    return found ? labelOf(found) : null;
  });
  const [wish, setWish] = useState<"node" | "whole" | "spot">("node");
  const [spot, setSpot] = useState<Spot | null>(null);
  const target = wish === "node" && name === null ? "whole" : wish;
  const { picking, middle } = usePicking(target === "spot" && spot === null, setSpot);
  const aim = (next: string) => {
    setSpot(null);
    setWish(next as typeof wish);
  };
  return (
    <div className="flex flex-col gap-2 border-b px-4 py-3">
      <Select
        label={t("What it is about")}
        value={target}
        onChange={aim}
        options={[
          ...(name === null ? [] : [{ value: "node", label: t("On {name}", { name }) }]),
          { value: "whole", label: t("On the whole drawing") },
          // Under a sheet there is nothing to click.
          ...(narrow
            ? []
            : [
                {
                  value: "spot",
                  label: spot ? t("On the place that was chosen") : t("On a place of the canvas"),
                },
              ]),
        ]}
      />
      {picking && (
        <p role="status" className="flex flex-wrap items-center justify-between gap-2 text-muted text-xs">
          {t("Click a place on the canvas.")}
          <Button size="sm" onClick={() => setSpot(middle())}>
            {t("Take the middle")}
          </Button>
        </p>
      )}
      <Write
        label={t("New comment")}
        action={t("Comment")}
        what={t("The comment was not kept")}
        focused={focused}
        pending={write.isPending}
        onSend={async (text) => {
          if (target === "spot" && spot === null) setSpot(middle());
          await write.mutateAsync({
            text,
            ...(target === "node" && node !== undefined && { nodeId: node }),
            ...(target === "spot" && { spot: spot ?? middle() }),
          });
          aim("node");
        }}
      />
    </div>
  );
}

/** While `on`, the next click on the canvas says a place and does nothing else. */
function usePicking(on: boolean, onSpot: (spot: Spot) => void) {
  const { screenToFlowPosition } = useReactFlow();
  const latest = useRef(onSpot);
  useEffect(() => {
    latest.current = onSpot;
  });
  useEffect(() => {
    const pane = document.querySelector<HTMLElement>(".react-flow");
    if (!on || !pane) return;
    const pick = (event: MouseEvent) => {
      event.preventDefault();
      event.stopPropagation();
      latest.current(screenToFlowPosition({ x: event.clientX, y: event.clientY }));
    };
    pane.addEventListener("click", pick, { capture: true });
    pane.dataset.picking = "";
    return () => {
      pane.removeEventListener("click", pick, { capture: true });
      delete pane.dataset.picking;
    };
  }, [on, screenToFlowPosition]);
  const middle = (): Spot => {
    const box = document.querySelector(".react-flow")?.getBoundingClientRect();
    return screenToFlowPosition({
      x: (box?.x ?? 0) + (box?.width ?? 0) / 2,
      y: (box?.y ?? 0) + (box?.height ?? 0) / 2,
    });
  };
  return { picking: on, middle };
}

import { X } from "lucide-react";
import { type KeyboardEvent, type PointerEvent, type ReactNode, useEffect, useRef } from "react";
import { cn } from "@/lib/cn";
import { usePersistent } from "@/lib/persist";
import { t } from "@/lib/text";
import { IconButton } from "./button";

type Props = {
  /** Under which the width is remembered. */
  id: string;
  title: ReactNode;
  side: "left" | "right";
  width?: number;
  min?: number;
  max?: number;
  actions?: ReactNode;
  onClose?: () => void;
  footer?: ReactNode;
  /** Over the whole width of what it is positioned in. */
  full?: boolean;
  /** It takes the focus when this becomes another number than 0. */
  focused?: number;
  children: ReactNode;
  className?: string;
};

/** A region beside the content that does not cover it. Its inner edge can be dragged, or moved by the arrow keys. */
export function Panel({
  id,
  title,
  side,
  width = 320,
  min = 240,
  max = 900,
  actions,
  onClose,
  footer,
  full = false,
  focused = 0,
  children,
  className,
}: Props) {
  const [size, setSize] = usePersistent(`panel:${id}`, width);
  const box = useRef<HTMLElement>(null);
  useEffect(() => {
    if (focused) box.current?.focus();
  }, [focused]);
  return (
    <aside
      ref={box}
      tabIndex={-1}
      data-panel={id}
      aria-label={typeof title === "string" ? title : id}
      style={full ? undefined : { width: size }}
      className={cn(
        "relative flex h-full max-w-full shrink-0 flex-col bg-surface outline-none",
        side === "left" ? "border-r" : "border-l",
        full && "absolute inset-0 z-30",
        className,
      )}
    >
      {!full && (
        <ResizeHandle
          side={side}
          size={size}
          min={min}
          max={max}
          onSize={setSize}
          label={t("Width of {what}", { what: typeof title === "string" ? title : id })}
        />
      )}
      <header className="flex h-11 shrink-0 items-center justify-between gap-2 border-b pr-2 pl-4">
        <h2 className="min-w-0 truncate font-semibold text-sm">{title}</h2>
        <div className="flex items-center gap-0.5">
          {actions}
          {onClose && (
            <IconButton label={t("Close")} shortcut="escape" icon={X} size="sm" onClick={onClose} />
          )}
        </div>
      </header>
      <div className="min-h-0 flex-1 overflow-y-auto">{children}</div>
      {footer && <div className="shrink-0 border-t px-4 py-2.5">{footer}</div>}
    </aside>
  );
}

type HandleProps = {
  side: "left" | "right" | "bottom";
  size: number;
  min: number;
  max: number;
  onSize: (size: number) => void;
  label: string;
};

/** The draggable inner edge of what sits at `side`. A double click does nothing; arrow keys move it by 16. */
export function ResizeHandle({ side, size, min, max, onSize, label }: HandleProps) {
  const start = useRef<{ at: number; size: number } | null>(null);
  const upright = side !== "bottom";
  const bounded = (next: number) => Math.round(Math.max(min, Math.min(max, next)));
  const sign = side === "left" ? 1 : -1;
  const place = (event: PointerEvent) => (upright ? event.clientX : event.clientY);
  const key = (event: KeyboardEvent) => {
    const step = { ArrowRight: 16, ArrowDown: 16, ArrowLeft: -16, ArrowUp: -16 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    onSize(bounded(size + sign * step));
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: an hr cannot be moved
    <div
      role="separator"
      tabIndex={0}
      aria-label={label}
      aria-orientation={upright ? "vertical" : "horizontal"}
      aria-valuenow={size}
      aria-valuemin={min}
      aria-valuemax={max}
      onKeyDown={key}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        start.current = { at: place(event), size };
      }}
      onPointerMove={(event) => {
        if (start.current) onSize(bounded(start.current.size + sign * (place(event) - start.current.at)));
      }}
      onPointerUp={() => {
        start.current = null;
      }}
      className={cn(
        "absolute z-20 touch-none bg-transparent transition-colors hover:bg-accent focus-visible:bg-accent",
        side === "left" && "-right-0.5 inset-y-0 w-1 cursor-col-resize",
        side === "right" && "-left-0.5 inset-y-0 w-1 cursor-col-resize",
        side === "bottom" && "-top-0.5 inset-x-0 h-1 cursor-row-resize",
      )}
    />
  );
}

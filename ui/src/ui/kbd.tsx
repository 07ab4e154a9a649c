import { MAC } from "@/lib/hotkeys";

const NAMES: Record<string, string> = {
  mod: MAC ? "⌘" : "Ctrl",
  shift: MAC ? "⇧" : "Shift",
  alt: MAC ? "⌥" : "Alt",
  enter: "↵",
  escape: "Esc",
  tab: "Tab",
  f2: "F2",
  ",": "Comma",
  ".": "Dot",
  delete: "Del",
  backspace: "⌫",
  arrowup: "↑",
  arrowdown: "↓",
  arrowleft: "←",
  arrowright: "→",
};

/** Keys as `useHotkeys` names them: `<Kbd keys="mod+k" />`, `<Kbd keys="g r" />`. */
export function Kbd({ keys }: { keys: string }) {
  return (
    <span className="inline-flex gap-0.5 align-middle">
      {keys.split(/[+ ](?=.)/).map((key) => (
        <kbd
          key={key}
          className="min-w-4.5 rounded-sm border border-line bg-sunken px-1 text-center font-sans text-2xs text-muted"
        >
          {NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key)}
        </kbd>
      ))}
    </span>
  );
}

import type { LucideIcon } from "lucide-react";
import { useEffect, useRef } from "react";
import { create } from "zustand";

export type Command = {
  id: string;
  label: string;
  run: () => void;
  icon?: LucideIcon;
  /** The heading it stands under: "This run", "Canvas". */
  group?: string;
  shortcut?: string;
  keywords?: readonly string[];
};

type State = { open: boolean; commands: readonly Command[] };

/** The palette: whether it is open, and what the screens on show have put into it. */
export const useCommandStore = create<State>(() => ({ open: false, commands: [] }));

export function openPalette(): void {
  useCommandStore.setState({ open: true });
}

/** Put a screen's actions into the command palette for as long as it is mounted. */
export function useCommands(commands: readonly Command[]): void {
  const latest = useRef(commands);
  latest.current = commands;
  const signature = commands.map((command) => `${command.id} ${command.label}`).join("\n");
  // biome-ignore lint/correctness/useExhaustiveDependencies: what the palette lists changes with the signature only
  useEffect(() => {
    const mine = latest.current.map((command) => ({
      ...command,
      run: () => latest.current.find((each) => each.id === command.id)?.run(),
    }));
    useCommandStore.setState((state) => ({ commands: [...state.commands, ...mine] }));
    return () =>
      useCommandStore.setState((state) => ({
        commands: state.commands.filter((each) => !mine.includes(each)),
      }));
  }, [signature]);
}

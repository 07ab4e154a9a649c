import { useEffect, useState } from "react";
import type { Provider } from "@/api/types";
import { ConnectSteps, Steps } from "@/connecting";
import { t } from "@/lib/text";
import { Dialog, ProviderChip } from "@/ui";

type Props = {
  providers: readonly Provider[];
  /** The chosen provider's name; "" before the choice. */
  chosen: string;
  onChoose: (provider: string) => void;
  onClose: () => void;
  onMade: (id: string) => void;
};

/** Each step is a dialog of its own, and only the first knows from where it was opened: the focus goes back there after the last. */
function useFocusBack(): void {
  const [opener] = useState(() => document.activeElement);
  useEffect(
    () => () => {
      window.setTimeout(() => {
        if (document.activeElement === document.body && opener instanceof HTMLElement) opener.focus();
      });
    },
    [opener],
  );
}

/** Three steps: which platform, how to reach it, and what a test of that says. */
export function AddDialog({ providers, chosen, onChoose, onClose, onMade }: Props) {
  useFocusBack();
  const provider = providers.find((each) => each.name === chosen);
  if (provider) {
    return (
      <ConnectSteps
        key={provider.name}
        provider={provider}
        onBack={() => onChoose("")}
        onMade={onMade}
        frame={(step) => <Dialog open onOpenChange={onClose} {...step} />}
      />
    );
  }
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={t("Add a connection")}
      description={t("Which platform do your workflows run on?")}
    >
      <Steps at={1} />
      <ul className="grid gap-2 sm:grid-cols-2">
        {providers.map((each) => (
          <li key={each.name}>
            <button
              type="button"
              onClick={() => onChoose(each.name)}
              className="flex w-full items-center gap-3 rounded-lg border bg-surface p-3 text-left shadow-card transition-colors hover:border-edge hover:bg-hover"
            >
              <ProviderChip provider={each.name} size="lg" />
              <span className="min-w-0">
                <span className="block truncate font-medium text-sm">{each.title}</span>
                <span className="block truncate text-muted text-xs">
                  {each.connections.length
                    ? t("{connections, plural, one {# connection} other {# connections}}", {
                        connections: each.connections.length,
                      })
                    : t("Not connected")}
                </span>
              </span>
            </button>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

import { useState } from "react";
import { t } from "@/lib/text";
import { Button, CodeEditor, Dialog, Field } from "@/ui";
import { labelOf, type Step } from "../graph";
import { useFlowControl } from "../store";
import { pin, pinned, unpin } from "./pins";

type Props = { step: Step; output?: unknown; onClose: () => void };

/** The pinned output as JSON. */
export function PinEditor({ step, output, onClose }: Props) {
  const control = useFlowControl();
  const on = pinned(step);
  const start = on ? (step.data as { pinned?: unknown }).pinned : (output ?? {});
  const [text, setText] = useState(() => JSON.stringify(start, null, 2));
  const value = parsed(text);
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t("Pinned output of {step}", { step: labelOf(step) })}
      description={t("Tests use it in the place of running this step. Real runs never do.")}
      footer={
        <>
          {on && (
            <Button
              className="mr-auto"
              onClick={() => {
                unpin(control, step);
                onClose();
              }}
            >
              {t("Unpin")}
            </Button>
          )}
          <Button onClick={onClose}>{t("Cancel")}</Button>
          <Button
            variant="primary"
            disabled={value === undefined}
            onClick={() => {
              pin(control, step, value);
              onClose();
            }}
          >
            {t("Pin output")}
          </Button>
        </>
      }
    >
      <Field label={t("Output")} error={value === undefined ? t("This is not JSON.") : undefined}>
        <CodeEditor language="json" value={text} onChange={setText} minHeight={200} maxHeight={420} />
      </Field>
    </Dialog>
  );
}

/** The value; undefined where the text is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

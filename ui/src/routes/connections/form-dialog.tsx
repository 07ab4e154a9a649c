import { type ReactNode, useId } from "react";
import { t } from "@/lib/text";
import { Button, Dialog } from "@/ui";

type Props = {
  title: string;
  description?: string;
  size?: "sm";
  /** Names what its button does. */
  action: string;
  pending: boolean;
  /** Nothing to send yet. */
  disabled: boolean;
  /** Another way out, before the main one. */
  other?: ReactNode;
  onSubmit: () => void;
  onClose: () => void;
  children: ReactNode;
};

/** A dialog that is one form: sent by Enter or by its button. */
export function FormDialog({
  action,
  pending,
  disabled,
  other,
  onSubmit,
  onClose,
  children,
  ...heading
}: Props) {
  const form = useId();
  return (
    <Dialog
      open
      onOpenChange={onClose}
      {...heading}
      footer={
        <>
          <Button onClick={onClose}>{t("Cancel")}</Button>
          {other}
          <Button variant="primary" type="submit" form={form} pending={pending} disabled={disabled}>
            {action}
          </Button>
        </>
      }
    >
      <form
        id={form}
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          onSubmit();
        }}
      >
        {children}
      </form>
    </Dialog>
  );
}

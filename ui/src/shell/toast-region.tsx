import { useEffect } from "react";
import { Toaster, toast } from "sonner";
import { t } from "@/lib/text";
import { toastsReady } from "@/lib/toast";
import { useTheme } from "@/theme/theme";

/** What shows the toasts; fetched by `Toasts`. */
export function ToastRegion() {
  const theme = useTheme();
  // Effects of what stands inside come first: the Toaster listens by now.
  useEffect(() => toastsReady(toast), []);
  return (
    <Toaster
      containerAriaLabel={t("Notifications")}
      theme={theme}
      position="bottom-right"
      toastOptions={{ duration: 4000, className: "font-sans" }}
      closeButton
    />
  );
}

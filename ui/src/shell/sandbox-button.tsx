import { useNavigate } from "@tanstack/react-router";
import { FlaskConical } from "lucide-react";
import { toastProblem } from "@/api/problem";
import { useMay, useStartSandbox } from "@/api/queries";
import { t } from "@/lib/text";
import { toast } from "@/lib/toast";
import { Button } from "@/ui";

/** Starts the sandbox platforms in this server and opens the sample chain. Only for admins; others see nothing. */
export function SandboxButton({ size }: { size?: "sm" }) {
  const admin = useMay("admin");
  const start = useStartSandbox();
  const navigate = useNavigate();
  // Not by callbacks of the mutation: with the first connection, the empty state around this button goes.
  const begin = async () => {
    try {
      const { orchestratorId, connections } = await start.mutateAsync();
      toast.success(t("The sandbox platforms run"), {
        description: t(
          "{connections, plural, one {# connection} other {# connections}} and a sample chain are ready.",
          { connections: connections.length },
        ),
      });
      await navigate({ to: "/orchestrators/$id", params: { id: orchestratorId } });
    } catch (error) {
      toastProblem(error, t("The sandbox platforms did not start"));
    }
  };
  if (!admin) return null;
  return (
    <Button icon={FlaskConical} size={size} pending={start.isPending} onClick={() => void begin()}>
      {t("Try with the sandbox platforms")}
    </Button>
  );
}

import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Toaster } from "sonner";
import { createQueryClient } from "@/api/query-client";
import { createAppRouter } from "@/router";
import { useTheme } from "@/theme/theme";
import { TooltipProvider } from "@/ui";
import "@/styles/index.css";

const queryClient = createQueryClient();
const router = createAppRouter(queryClient);

function App() {
  const theme = useTheme();
  return (
    <QueryClientProvider client={queryClient}>
      <TooltipProvider delayDuration={350}>
        <RouterProvider router={router} />
        <Toaster
          theme={theme}
          position="bottom-right"
          toastOptions={{ duration: 4000, className: "font-sans" }}
          closeButton
        />
      </TooltipProvider>
    </QueryClientProvider>
  );
}

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}

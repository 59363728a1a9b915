// Brings the dashboard. A line that breaks while its parts arrive would leave a page without life: then it is loaded anew.

const KEY = "clipferry.failedLoads";
const MOST_FAILED = 3;
const PAUSE_MS = 700;

try {
  await import("./dashboard.js");
  sessionStorage.removeItem(KEY);
} catch (failed) {
  const count = Number(sessionStorage.getItem(KEY)) + 1;
  if (count > MOST_FAILED) {
    sessionStorage.removeItem(KEY);
    throw failed;
  }
  sessionStorage.setItem(KEY, String(count));
  setTimeout(() => location.reload(), PAUSE_MS * count);
}

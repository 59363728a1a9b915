// Many changes, one drawing for each frame that the screen shows.

/**
 * Return a function that lets `draw` run once before the next frame, however often it is called.
 *
 * @param {() => void} draw
 */
export function painter(draw) {
  let isAsked = false;
  return () => {
    if (isAsked) return;
    isAsked = true;
    requestAnimationFrame(() => {
      isAsked = false;
      draw();
    });
  };
}

// In every frame, before the page's own scripts: reads the text that is shown, and stamps how the answer grows.
// Times are milliseconds since the epoch, by the page's clock (performance.timeOrigin + performance.now()).
(() => {
  if (window.__wrapdetect) return;
  const wd = { armed: false, pending: false, t0: 0, samples: [], text: "", box: null, restless: new WeakSet() };
  Object.defineProperty(window, "__wrapdetect", { value: wd });
  for (const name of ["RTCPeerConnection", "webkitRTCPeerConnection", "WebTransport"]) delete window[name];

  const nowMs = () => performance.timeOrigin + performance.now();

  // ---- Shadow roots: closed ones are opened, and each is watched

  const attach = Element.prototype.attachShadow;
  Element.prototype.attachShadow = function (init) {
    const root = attach.call(this, { ...init, mode: "open" });
    watch(root);
    return root;
  };
  const watched = new WeakSet();
  const observer = new MutationObserver(() => changed());
  function watch(root) {
    if (watched.has(root)) return;
    watched.add(root);
    observer.observe(root, { childList: true, characterData: true, subtree: true });
  }
  watch(document);

  wd.parent = (node) => node.assignedSlot || node.parentNode || (node instanceof ShadowRoot ? node.host : null);
  wd.within = (node, ancestor) => {
    for (let n = node; n; n = n.parentNode || n.host) if (n === ancestor) return true;
    return false;
  };
  wd.all = (selector, root = document) => {
    const found = [...root.querySelectorAll(selector)];
    for (const el of root.querySelectorAll("*")) if (el.shadowRoot) found.push(...wd.all(selector, el.shadowRoot));
    return found;
  };
  wd.visible = (el) => {
    if (!el.checkVisibility || !el.checkVisibility({ visibilityProperty: true })) return false;
    const box = el.getBoundingClientRect();
    return box.width > 2 && box.height > 2;
  };

  // ---- The text that is shown, as lines with their markup

  const SKIPPED = new Set(
    ("SCRIPT STYLE NOSCRIPT TEMPLATE HEAD TITLE CANVAS VIDEO AUDIO IFRAME OBJECT SELECT INPUT PROGRESS METER DATALIST " +
      "MAP LINK META").split(" "),
  );
  const NOISE_ROLES = new Set("button tab menu menuitem toolbar tooltip progressbar switch checkbox option".split(" "));
  const SIDE_TAGS = new Set("NAV ASIDE HEADER FOOTER".split(" "));
  const SIDE_ROLES = new Set("navigation complementary banner contentinfo search".split(" "));
  const SOFT =
    /(^|[\s_-])(timestamp|time|date|author|sender|user-?name|name|avatar|role|label|chips?|suggest\w*|toolbar|tools?|actions?|controls?|bar|buttons?|feedback|rating|reactions?|disclaimer|footnote|footer|hint|caption|notice|badge|status|receipt|meta|info|legal|system|event|footnotes?|follow-?ups?)(?=$|[\s_-])/i;
  // Of these, what is no text of an answer wherever it stands.
  const ASIDE =
    /(^|[\s_-])(timestamp|time|author|sender|user-?name|avatar|toolbar|actions?|feedback|receipt|system|event|sr-only)(?=$|[\s_-])/i;
  const CODE_HEAD = /(^|[\s_-])(lang\w*|header|head|title|toolbar|code\S*)(?=$|[\s_-])/i;
  const SOFT_MOST = 120; // characters: furniture is small; what holds more is a part of the page
  const BUSY = /(^|[\s_-])(typing|spinner|loader|loading|skeleton)(?=$|[\s_-])/i;
  const UNSEEN = /(^|[\s_-])(sr-only|visually-?hidden|screen-?reader(-only|-text)?|a11y-hidden)(?=$|[\s_-])/i;
  const REASONING = /(^|[\s_-])(reasoning|thinking|thoughts?|think|chain-of-thought|cot)(?=$|[\s_-])/i;
  const REASONED = /thought|thinking|reason|denk|gedanke|réfle|réfléch|pensa|razona|ragiona|думал|размышл|思考|推理|思维|생각/i;
  // Whether it holds little text in few parts; looks at no more than these.
  function small(el) {
    const walker = document.createTreeWalker(el, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
    let length = 0;
    for (let k = 0; walker.nextNode(); k++) {
      if (k > 80) return false;
      if (walker.currentNode.nodeType === 3) length += walker.currentNode.data.trim().length;
      if (length > SOFT_MOST) return false;
    }
    return true;
  }
  const BLOCKS = "p, pre, ul, ol, table, blockquote, h1, h2, h3, h4";
  const ICONS = /icon|material symbols|awesome/i;
  const ALARM = /(^|\s)(error|error-message|alert-danger|alert-error|toast-error)(?=$|\s)/;
  const MARKS = { STRONG: "**", B: "**", EM: "*", I: "*" };

  const alarming = (el) =>
    /^alert(dialog)?$/.test(el.getAttribute("role")) || (typeof el.className === "string" && ALARM.test(el.className));
  function hardNoise(el) {
    if (alarming(el)) return true;
    const role = el.getAttribute("role");
    const names = typeof el.className === "string" ? el.className : "";
    if (el.tagName === "TIME" || el.tagName === "LABEL") return true;
    if (el.tagName === "BUTTON" || NOISE_ROLES.has(role)) return !bubble(el);
    if (UNSEEN.test(names)) return true;
    if (el.getAttribute("aria-hidden") === "true" && small(el)) return true;
    return BUSY.test(names) && small(el) && el.textContent.trim().length <= 40;
  }
  // Some chats make a button of a whole message.
  const bubble = (el) =>
    !small(el) || !!el.querySelector(BLOCKS) || getComputedStyle(el).userSelect === "text";
  // The small part of a message that is no text of it: a name, a time, what it offers to press.
  function softly(el) {
    if (!small(el)) return false;
    const names = typeof el.className === "string" ? el.className : "";
    const buttons = el.querySelectorAll('button, [role="button"]').length;
    if (!(SOFT.test(names) || buttons >= 2) || el.querySelector(BLOCKS)) return false;
    return true;
  }
  // What a bot thinks before it answers; some chats call every message but the first of a turn a thought.
  function reasons(el) {
    const names = typeof el.className === "string" ? el.className : "";
    return REASONING.test(names) && !/message|msg|bubble|turn/i.test(names);
  }
  // The line above a block of code: its language, and a button that copies it.
  function headsCode(el) {
    const next = el.nextElementSibling, names = typeof el.className === "string" ? el.className : "";
    const code = next && (next.tagName === "PRE" ? next : next.firstElementChild);
    if (!code || !(code.tagName === "PRE" || (code.firstElementChild || code).tagName === "PRE") || !small(el)) return false;
    if (el.querySelector(BLOCKS) || el.textContent.trim().length > 40 || /^(P|UL|OL|H[1-6])$/.test(el.tagName)) return false;
    return !!el.querySelector('button, [role="button"]') || (CODE_HEAD.test(names) && !/\s/.test(el.textContent.trim()));
  }
  const speaks = (node) => node && (node.nodeType === 3 ? node.data.trim() : node.nodeType === 1 && node.textContent.trim());
  function atEdge(el) {
    let before = el.previousSibling, after = el.nextSibling;
    while (before && !speaks(before)) before = before.previousSibling;
    while (after && !speaks(after)) after = after.nextSibling;
    return !before !== !after;
  }
  function aside(el) {
    if (!SIDE_TAGS.has(el.tagName) && !SIDE_ROLES.has(el.getAttribute("role"))) return false;
    return !(wd.box && wd.within(wd.box, el));
  }
  function written(el) {
    if (el === wd.box) return true;
    const editable = el.getAttribute("contenteditable");
    return editable !== null && editable !== "false";
  }

  const MOST_LINES = 20000, MOST_NODES = 100000; // of a page: what is beyond is not read
  // Lines of `root`, in order: {el, plain, text, gap, list, noise, side, soft, thought}. `gap` is how many line breaks go before.
  wd.lines = (root) => {
    const out = [];
    let plain = "", text = "", gap = 2, place = null, visited = 0;

    function flush(context, next = 2) {
      const bare = context.pre ? plain.replace(/\s+$/, "") : plain.trim();
      if (bare.trim()) {
        const item = context.item;
        let lead = context.lead || "";
        if (item) {
          lead = "  ".repeat(item.depth) + (item.used ? " ".repeat(item.bullet.length) : item.bullet) + lead;
          item.used = true;
        }
        const marked = context.pre ? text.replace(/\s+$/, "") : text.trim();
        const el = place || context.el;
        out.push({
          el, plain: bare, text: lead + marked, gap, list: context.list, noise: context.noise, side: context.side,
          soft: context.soft, thought: context.thought,
        });
        gap = next;
      } else gap = Math.max(gap, next);
      plain = text = "";
      place = null;
    }

    function put(raw, context) {
      if (!context.keep) {
        let piece = raw.replace(/[\s]+/g, " ");
        if (!plain || /\s$/.test(plain)) piece = piece.replace(/^ /, "");
        plain += piece;
        text += piece;
        return;
      }
      const parts = raw.split("\n");
      parts.forEach((part, k) => {
        if (k) {
          const empty = !plain.trim();
          flush({ ...context, pre: true }, empty ? 2 : 1);
        }
        plain += part;
        text += part;
      });
    }

    function inline(el, mark, context) {
      const from = text.length;
      children(el, context);
      if (text.length <= from) return;
      const inner = text.slice(from), bare = inner.trim();
      if (bare && !inner.includes(mark)) text = text.slice(0, from) + inner.replace(bare, () => mark + bare + mark);
    }

    function children(el, context) {
      const from = el.shadowRoot || el;
      const nodes = el.tagName === "SLOT" && el.assignedNodes().length ? el.assignedNodes() : from.childNodes;
      for (const node of nodes) {
        if (node.nodeType === 3) put(node.data, context);
        else if (node.nodeType === 1) visit(node, context);
      }
    }

    function fenced(el, context) {
      flush(context);
      const code = el.querySelector("code") || el;
      const language = (/(?:language|lang)-([\w+#-]+)/.exec(`${code.className} ${el.className}`) || ["", ""])[1];
      const body = code.textContent.replace(/\n$/, "");
      plain = body;
      text = "```" + language + "\n" + body + "\n```";
      place = el;
      flush({ ...context, pre: true });
    }

    function visit(el, outer) {
      if (out.length >= MOST_LINES || ++visited > MOST_NODES) return;
      if (SKIPPED.has(el.tagName) || el instanceof SVGElement || written(el) || headsCode(el)) return;
      if (el.shadowRoot) watch(el.shadowRoot);
      const style = getComputedStyle(el);
      if (style.display === "none" || style.visibility !== "visible") {
        if (style.display === "none" || !el.firstElementChild) return;
      }
      if (ICONS.test(style.fontFamily)) return; // names of icons, drawn by their font
      if (el.tagName === "TEXTAREA") {
        if (el.value.trim() && (el.readOnly || el.disabled)) {
          flush(outer);
          put(el.value, { ...outer, el, keep: true });
          flush({ ...outer, el, pre: true });
        }
        return;
      }
      if (el.tagName === "BR") return flush(outer, plain.trim() ? 1 : 2);
      if (el.tagName === "DETAILS") {
        const summary = el.querySelector("summary");
        const names = `${typeof el.className === "string" ? el.className : ""} ${summary ? summary.textContent : ""}`;
        const kept = el.open && !REASONING.test(names) && !REASONED.test(names);
        flush(outer);
        for (const part of kept ? el.childNodes : []) {
          if (part.nodeType === 3) put(part.data, outer);
          else if (part.nodeType === 1 && part !== summary) visit(part, outer);
        }
        flush(outer);
        return;
      }
      if (el.classList.contains("katex")) {
        const tex = el.querySelector("annotation");
        if (tex) return put(`$${tex.textContent}$`, outer);
      }
      const context = { ...outer };
      context.keep = /^(pre|break)/.test(style.whiteSpace) || style.whiteSpaceCollapse === "preserve";
      context.noise = outer.noise || hardNoise(el);
      context.side = outer.side || aside(el);
      context.soft = softly(el) ? el : outer.soft;
      context.thought = reasons(el) ? el : outer.thought;
      if (el.tagName === "PRE" && el.querySelector("code")) return fenced(el, context);
      if (style.display.startsWith("inline") || style.display === "contents" || style.display === "ruby") {
        if (MARKS[el.tagName]) return inline(el, MARKS[el.tagName], context);
        if (el.tagName === "CODE") return inline(el, "`", context);
        if ((context.noise && !outer.noise) || (context.soft === el && atEdge(el))) {
          flush(outer, 1);
          children(el, context);
          flush({ ...context, el }, 1);
          return;
        }
        return children(el, context);
      }
      context.el = el;
      const row = /^(TR|TBODY|THEAD|TFOOT)$/.test(el.tagName);
      flush(outer, row || (outer.list && el.tagName === "LI") ? 1 : 2);
      let after = row ? 1 : 2;
      if (el.tagName === "UL" || el.tagName === "OL") {
        context.depth = outer.list ? (outer.depth || 0) + 1 : 0;
        context.list = outer.list || el;
        context.count = el.start || 1;
        context.ordered = el.tagName === "OL";
        if (outer.list) gap = after = 1;
      } else if (el.tagName === "LI" && outer.list) {
        const number = outer.ordered ? el.value || outer.count : 0;
        outer.count = number + 1;
        context.item = { bullet: number ? `${number}. ` : "- ", depth: outer.depth || 0, used: false };
        after = 1;
      } else if (/^H[1-6]$/.test(el.tagName)) context.lead = "#".repeat(+el.tagName[1]) + " ";
      else if (el.tagName === "BLOCKQUOTE") context.lead = "> ";
      else if (el.tagName === "TR") {
        [...el.cells].forEach((cell, k) => {
          if (k) put(" | ", { ...context, keep: false });
          for (const node of cell.childNodes) {
            if (node.nodeType === 3) put(node.data, { ...context, keep: false });
            else if (node.nodeType === 1) put(node.innerText || "", { ...context, keep: false });
          }
        });
        flush(context, 1);
        return;
      }
      children(el, context);
      flush({ ...context, pre: context.keep }, after);
    }

    const context = { el: root, keep: false, noise: false, side: false, soft: null, thought: null };
    if (root) visit(root, context);
    flush(context);
    return out;
  };

  // ---- What is new since the question, and which of it is the answer

  const fold = (text) => text.replace(/[\s*_`#>~|\\-]+/g, "").toLowerCase();
  const WAITING =
    /^(\S+ ){0,3}(is |are )?(thinking|typing|loading|generating|searching|working|processing|please wait|one moment|writing|denkt( nach)?|schreibt|lädt|bitte warten|réfléchit|écrit|chargement|pensando|escribiendo|cargando|digitando|pensant|думает|печатает|загрузка|思考中|正在思考|正在输入|加载中|考え中|입력 중|생각 중)[\s.…·]*$/i;
  const BARE = /^[\s.…·•●○▌█▍▎▋|_~-]*$/;
  const CURSOR = /\s*[▌█▍▎▋]+\s*$/;
  const STAMP =
    /^((today|yesterday|heute|gestern|just now|now|gerade eben|à l'instant|ahora)[, ]*)?(\d{1,2}[:.]\d{2}([:.]\d{2})?\s?([ap]\.?m\.?)?|\d+\s?(s|sec|seconds?|m|min|mins|minutes?|h|hours?|d|days?) ago|just now|\d{1,4}[./-]\d{1,2}[./-]\d{1,4}([ ,T]+\d{1,2}:\d{2}(:\d{2})?)?)$/i;
  const TAIL =
    /^(copy|copied!?|share|regenerate( response)?|retry|try again|edit|like|dislike|read aloud|good response|bad response|was this (answer |response )?helpful\??|\d+ ?\/ ?\d+|\d+([.,]\d+)? ?(s|sec|seconds|ms|tokens?|tokens\/s))$/i;
  const DISCLAIMER =
    /^.{0,60}\b((can|may|might|could|kann|können|peut|peuvent|puede|pueden)\b.{0,40}\b(mistakes?|errors?|inaccura\w+|incorrect|wrong|fehler\w*|erreurs?|errores)|(ai|ki|ia)[- ]generated|generated by (an? )?(ai|llm)|powered by)\b.{0,80}$|^.{0,40}(可能.{0,12}(错|誤|不准)|仅供参考|AI ?生成).{0,30}$/i;
  const THOUGHT =
    /^(thought|reasoned|worked|searched|analy[sz]ed|nachgedacht|a réfléchi|pensó)\b.{0,30}\b(for|für|pendant|durante)? ?(a few|a couple of|an?|\d+([.,]\d+)?) ?\S{0,12}$/i;
  const STAMPED = /^(\S+ ?){0,4}[\s·•|,–-]*\d{1,2}[:.]\d{2}(\s?[ap]\.?m\.?)?$/i; // a name and a time
  const TOLD = /^[\s✓✔]*(delivered|seen|sent|read|edited|zugestellt|gelesen|gesendet|lu|envoyé|leído|已读)[\s.✓✔]*$/i;
  const JOINED =
    /^(\S+ ){1,4}(has |have )?joined( the (chat|conversation|room))?[\s.!]*$|^(you are|you're) now (chatting|connected|talking|speaking) (with|to)\b.{0,60}$|^(the |your )?(chat|conversation|session) (has |was )?(started|begun|opened)\b.{0,40}$/i;
  const NAME =
    /^(the )?(assistant|ai( assistant)?|bot|chat ?bot|chatgpt|gpt(-?\d\S*)?|claude|gemini|copilot|llama|model|answer|response|antwort|réponse|respuesta|you|user|me|du|sie|vous|system|助手|机器人|回答)( said| says)?\s*[:：]?$/i;
  const HEAD = /^\S{1,16}( \S{1,16})?\s*[:：]$/; // a speaker's name before the answer has begun
  const NAMED = /^(assistant|ai( assistant)?|bot|chat ?bot|chatgpt|answer|antwort|réponse|respuesta)\s*[:：]\s+/i;

  // Lines of `now` that are not in `before`, by the longest common subsequence.
  function fresh(before, now) {
    let start = 0, endB = before.length, endN = now.length;
    while (start < endB && start < endN && before[start] === now[start].plain) start++;
    while (endB > start && endN > start && before[endB - 1] === now[endN - 1].plain) endB--, endN--;
    const a = before.slice(start, endB), b = now.slice(start, endN);
    if (!a.length || !b.length) return b;
    if (a.length * b.length > 250000) {
      const left = new Map();
      for (const t of a) left.set(t, (left.get(t) || 0) + 1);
      return b.filter((line) => {
        const n = left.get(line.plain) || 0;
        if (n) left.set(line.plain, n - 1);
        return !n;
      });
    }
    const w = b.length + 1, table = new Uint16Array((a.length + 1) * w);
    for (let i = a.length - 1; i >= 0; i--)
      for (let j = b.length - 1; j >= 0; j--)
        table[i * w + j] =
          a[i] === b[j].plain ? table[(i + 1) * w + j + 1] + 1 : Math.max(table[(i + 1) * w + j], table[i * w + j + 1]);
    const found = [];
    for (let i = 0, j = 0; j < b.length; ) {
      if (i < a.length && a[i] === b[j].plain) i++, j++;
      else if (i < a.length && table[(i + 1) * w + j] >= table[i * w + j + 1]) i++;
      else found.push(b[j++]);
    }
    return found;
  }

  // Where the question itself stands among the lines: [first, last], or null.
  function echo(lines) {
    const asked = fold(wd.question);
    if (!asked) return null;
    for (let i = 0; i < lines.length; i++) {
      let seen = "";
      for (let j = i; j < lines.length && seen.length < asked.length; j++) {
        seen += fold(lines[j].plain);
        if (seen === asked) return [i, j];
        const extra = seen.length - asked.length;
        if (extra > 0 && extra <= 24 && (seen.endsWith(asked) || (seen.startsWith(asked) && j > i))) return [i, j];
        const cut = seen.replace(/(…|\.\.\.)$/, "");
        if (cut !== seen && cut.length >= 40 && asked.startsWith(cut)) return [i, j];
        if (!asked.startsWith(seen) && !asked.includes(seen.slice(-asked.length))) break;
      }
    }
    return null;
  }

  function ancestors(el) {
    const chain = new Set();
    for (let n = el; n; n = wd.parent(n)) chain.add(n);
    return chain;
  }

  function label(line, known) {
    const bare = line.plain;
    if (bare.length > 40 || /[.!?。！？]$/.test(bare)) return false;
    return NAME.test(bare) || STAMPED.test(bare) || (known.has(bare) && bare.split(/\s+/).length <= 4);
  }

  const below = (line, other) => line.el.getBoundingClientRect().top >= other.el.getBoundingClientRect().bottom - 1;

  // Whether it stands in a part of the page that changes on its own and does not hold the question.
  function restless(el, asked) {
    for (let n = el; n; n = wd.parent(n)) if (wd.restless.has(n)) return !asked || !wd.within(asked, n);
    return false;
  }

  // Of several groups of new lines, the one that shares the innermost part of the page with the question. A few words
  // beside the question ("delivered") are no answer where a longer text stands elsewhere.
  function nearest(lines, asked) {
    const chain = [...ancestors(asked)];
    const groups = new Map();
    for (const line of lines) {
      const own = ancestors(line.el);
      const depth = line.el === asked ? 0 : chain.findIndex((n) => own.has(n));
      groups.set(depth, [...(groups.get(depth) || []), line]);
    }
    const ordered = [...groups.entries()].sort((a, b) => a[0] - b[0]).map(([, group]) => group);
    const long = (group) => group.reduce((n, l) => n + l.plain.length, 0) > 20;
    return ordered.find(long) || ordered[0] || [];
  }

  function chosen(lines) {
    const worth = (l) =>
      !WAITING.test(l.plain) && !BARE.test(l.plain) && !STAMP.test(l.plain) && !TAIL.test(l.plain) &&
      !THOUGHT.test(l.plain);
    const open = lines.filter((l) => !l.side && !l.noise);
    const at = echo(open);
    let rest = (at ? open.slice(at[1] + 1) : open).filter(worth);
    const asked = at && open[at[1]];
    if (at && !rest.length) rest = open.slice(0, at[0]).filter((l) => worth(l) && l.el !== asked.el && below(l, asked));
    const calm = rest.filter((l) => !restless(l.el, asked ? asked.el : null));
    if (calm.length || asked) rest = calm;
    if (asked) rest = nearest(rest, asked.el);
    const known = new Set(wd.baseline);
    rest = rest.filter((l) => !HEAD.test(l.plain) || rest.some((other) => other !== l && made(other) === made(l)));
    const soft = (line) => line.soft && rest.some((other) => !wd.within(other.el, line.soft));
    const thinks = (line) => line.thought && rest.some((other) => !wd.within(other.el, line.thought));
    const inside = rest.filter((l) => !thinks(l) && !(soft(l) && ASIDE.test(l.soft.className)) && !JOINED.test(l.plain));
    if (inside.length) rest = inside;
    for (let k = 0; k < MOST_AROUND && rest.length > 1 && (soft(rest[0]) || label(rest[0], known)); k++) rest.shift();
    for (let k = 0; k < MOST_AROUND && rest.length > 1 && (soft(rest.at(-1)) || tail(rest, known)); k++) rest.pop();
    return rest; // a name alone may be the answer
  }
  // How a line is made: of one answer, its text is made alike, and what stands around it otherwise.
  function made(line) {
    let kind = "";
    for (let n = line.el, k = 0; n && k < 2; n = n.parentElement, k++) kind += ` ${n.tagName}.${n.className}`;
    return kind;
  }
  const MOST_AROUND = 20; // lines that are taken away before an answer, and after it
  const COUNTED = /^\d+([.,]\d+)? ?(tokens?|tok|words|ms|s|sec|seconds)\b.{0,40}$/i;
  const pressed = (el) => getComputedStyle(el).cursor === "pointer" && small(el);
  function tail(rest, known) {
    const last = rest.at(-1), bare = last.plain;
    let from = rest.length - 1; // where lines made as the last one begin
    while (from > 0 && made(rest[from - 1]) === made(last)) from--;
    const apart = from > 0 && !rest.slice(0, from).some((line) => made(line) === made(last));
    if (TOLD.test(bare) || STAMPED.test(bare)) return apart;
    if (known.has(bare) && (bare.length < 40 || (apart && bare.length <= 200))) return true;
    if (!apart) return false;
    return DISCLAIMER.test(bare) || COUNTED.test(bare) || !/[\p{L}\p{N}]/u.test(bare) || pressed(last.el);
  }

  wd.joined = (lines) => {
    let text = "";
    lines.forEach((line, k) => {
      if (k) text += line.list && line.list === lines[k - 1].list ? "\n" : "\n".repeat(line.gap);
      text += line.text;
    });
    return text.replace(CURSOR, "").replace(NAMED, "");
  };
  wd.textOf = (el) => wd.joined(wd.lines(el).filter((l) => !l.noise && !WAITING.test(l.plain) && !BARE.test(l.plain)));

  function selected() {
    let found = [];
    try {
      found = wd.all(wd.selector).filter((el) => el.checkVisibility());
    } catch {
      return ""; // no CSS: read from outside
    }
    const last = found.at(-1);
    if (!last) return "";
    const text = wd.textOf(last);
    if (found.length === wd.before.count && text === wd.before.text) return "";
    return fold(text) === fold(wd.question) ? "" : text;
  }
  wd.answer = () => {
    if (wd.selector) return selected();
    const found = fresh(wd.baseline, wd.lines(document.body));
    wd.moved = wd.moved || !!echo(found) || found.some((l) => !restless(l.el, null));
    return wd.joined(chosen(found));
  };

  // ---- Samples

  let timer = 0, nextAt = 0;
  function sample() {
    timer = 0;
    const seen = nowMs(), begun = performance.now();
    let text = "";
    try {
      text = wd.answer();
    } catch (error) {
      wd.error = String(error && error.stack);
    }
    if (text !== wd.text) {
      wd.text = text;
      wd.samples.push([seen, text.slice(0, 400000)]);
    }
    nextAt = performance.now() + Math.max(4, 3 * (performance.now() - begun), text.length / 200);
  }
  function changed() {
    if (!wd.armed || timer) return;
    const wait = nextAt - performance.now();
    if (wait <= 0) sample();
    else timer = setTimeout(sample, wait);
  }

  const press = (event) => {
    if (wd.pending && event.isTrusted && (event.type === "click" || event.key === "Enter")) {
      wd.t0 = nowMs();
      wd.pending = false;
    }
  };
  addEventListener("keydown", press, true);
  addEventListener("click", press, true);

  // Before a question: what is shown already. `kept` is what an earlier document of this frame had.
  wd.arm = (question, selector, kept) => {
    Object.assign(wd, { question, selector, samples: [], text: "", t0: 0, error: "", armed: true, moved: false, pending: !kept });
    const shown = kept ? [] : wd.lines(document.body);
    wd.baseline = kept ? kept.baseline : shown.map((l) => l.plain);
    if (!kept && wd.calm)
      for (const line of fresh(wd.calm, shown)) {
        wd.restless.add(line.el);
        if (line.el.parentElement && line.el.parentElement !== document.body) wd.restless.add(line.el.parentElement);
      }
    wd.calm = null;
    wd.before = { count: -1, text: "" };
    if (kept) wd.before = kept.before;
    else if (selector) {
      try {
        const found = wd.all(selector).filter((el) => el.checkVisibility());
        wd.before = { count: found.length, text: found.length ? wd.textOf(found.at(-1)) : "" };
      } catch {
        wd.before = { count: -2, text: "" };
      }
    }
    wd.worked = !kept && wd.working(); // it always says so: no sign then
    if (kept) sample();
    return { now: nowMs(), baseline: wd.baseline, before: wd.before };
  };
  // What is shown while nothing is asked; what changes until the question is typed is restless.
  wd.rest = () => {
    wd.calm = wd.calm || wd.lines(document.body).map((l) => l.plain);
  };
  // What the page calls an error since the question, such as a toast.
  wd.alert = () => {
    const before = new Set(wd.baseline);
    const said = (el) => wd.lines(el).map((l) => l.plain).filter((t) => !before.has(t)).join(" ");
    return wd.all("[role], [class]").filter((el) => alarming(el) && wd.visible(el)).map(said).find((t) => t.trim()) || "";
  };
  wd.again = () => {
    wd.pending = true;
  };
  wd.read = (from) => {
    if (!wd.armed) return null;
    if (!timer && performance.now() >= nextAt) sample();
    return { now: nowMs(), t0: wd.t0, total: wd.samples.length, samples: wd.samples.slice(from), moved: wd.moved, error: wd.error };
  };
  wd.shown = () => wd.lines(document.body).map((l) => l.plain).join("\n");
  wd.shows = (questions) => {
    const shown = wd.lines(document.body).map((l) => fold(l.plain));
    return questions.some((q) => q.length >= 8 && shown.some((l) => l === fold(q) || (l.endsWith(fold(q)) && l.length < fold(q).length + 24)));
  };
})();

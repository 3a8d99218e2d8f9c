// In every frame, before the page's own scripts: watches each part of the page, and reads the text that is shown.
(() => {
  if (window.__wrapdetect) return;
  const wd = { armed: false, pending: false, t0: 0, samples: [], text: "", box: null, restless: new WeakSet() };
  Object.defineProperty(window, "__wrapdetect", { value: wd });
  for (const name of ["RTCPeerConnection", "webkitRTCPeerConnection", "WebTransport"]) delete window[name];

  // ---- Shadow roots: closed ones are opened, and each is watched

  const attach = Element.prototype.attachShadow;
  Element.prototype.attachShadow = function (init) {
    const root = attach.call(this, { ...init, mode: "open" });
    watch(root);
    return root;
  };
  const watched = new WeakSet();
  const observer = new MutationObserver(() => wd.changed());
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

  Object.assign(wd, { ASIDE, alarming, small });
})();

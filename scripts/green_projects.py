"""The public projects whose suites and builds scripts/bench_green.py runs: where from, name, version, commands.

A command is `tool: what the shell is given`; `{at}` in it stands for what a project adds.
"""

import re

# What is installed beside the projects from PyPI, pinned.
PIP = """pytest==8.3.3 pytest-xdist==3.6.1 pytest-asyncio==0.24.0 PyHamcrest==2.1.0 zope.testing==5.0.1
cython-test-exception-raiser==1.0.2 hypothesis==6.112.1 pretend==1.0.9 flit_core==3.9.0 setuptools==75.1.0 wheel==0.44.0
hatchling==1.25.0 hatch-vcs==0.4.0 hatch-fancy-pypi-readme==24.1.0 setuptools-scm==8.1.0 poetry-core==1.9.0 nose2==0.15.1
green==4.0.2 stestr==4.1.0 behave==1.3.3 testscenarios==0.5.0 zope.testrunner==6.5 mypy==1.11.2 ruff==0.6.8 pylint==3.3.1
flake8==7.1.1 black==24.8.0 sphinx==8.0.2 coverage==7.6.1 pytest-cov==5.0.0 pytest-sugar==1.0.0 Twisted==24.7.0"""

PIPI = "pip: python -m pip install --no-build-isolation ."
PYTEST = ["pytest: python -m pytest {at}", "pytest: python -m pytest -v {at}", "pytest: python -m pytest -q -rA --color=yes {at}", "pytest-xdist: python -m pytest -n2 -v {at}"]
UNITTEST = ["unittest: python -m unittest discover {at}", "unittest: python -m unittest discover -v {at}"]
CARGO = ["cargo build: cargo build --tests", "cargo test: cargo test", "cargo test: cargo test -q", "cargo test: cargo test --color always -- --nocapture --test-threads 1", "nextest: cargo nextest run"]
CTEST = ["cmake: cmake -S . -B b {at}", "make: cmake --build b -j2", "ctest: ctest --test-dir b", "ctest: ctest --test-dir b -V", "ctest: ctest --test-dir b -j2 --output-on-failure"]
NINJA = ["cmake: cmake -G Ninja -S . -B n {at}", "ninja: ninja -v -C n", "ctest: ctest --test-dir n -VV"]
AUTOMAKE = ["configure: find . -exec touch -d 2020-01-01 {} + && (test -f configure || autoreconf -fi) && ./configure {at}", "make: make -j2", "automake: make check", "automake: make check V=1 VERBOSE=1"]
MESON = ["meson: meson setup b {at}", "ninja: ninja -C b", "meson: meson test -C b", "meson: meson test -C b -v", "meson: meson test -C b --print-errorlogs --no-rebuild"]
PERL = ["perl: perl Makefile.PL", "perl make: make", "prove: prove -b {at}", "prove: prove -bv {at}", "prove: prove -b -j2 --timer {at}", "perl make: make test TEST_VERBOSE=1"]
RSPEC = ["rspec: rspec -I lib {at}", "rspec: rspec -I lib -fd {at}", "rspec: rspec -I lib -fd --force-color --profile {at}"]
MINITEST = ["minitest: ruby -Ilib -Itest -e 'Dir[\"./{at}\"].each { |f| require f }'", "minitest: ruby -Ilib -Itest -e 'Dir[\"./{at}\"].each { |f| require f }' -- -v"]
GO = ["go test: go test {at}", "go test: go test -v {at}", "go test -json: go test -json {at}", "go vet: go vet ."]
PHP = ["phpab: phpab -o green.php src tests", "phpunit: phpunit {at}", "phpunit: phpunit --testdox {at}", "phpunit: phpunit --debug --colors=always {at}"]
NPM = ["npm: npm install --no-audit --no-fund --ignore-scripts {at}"]

# Where from, name, version, commands, and what stands for {at} in them. (More are put in below.)
PROJECTS = []


def put(source, commands, text):
    """Projects of one kind: `name version what-stands-for-{at}`, a line each, or with `;;` between them."""
    for line in re.split(r"\n|;;", text.strip()):
        name, version, *at = line.strip().split(None, 2)
        PROJECTS.append((source, name, version, commands, at[0] if at else ""))


put("pypi", [PIPI] + PYTEST, """
pluggy 1.5.0;; attrs 24.2.0 tests/test_funcs.py tests/test_annotations.py tests/test_validators.py
packaging 24.1 tests/test_markers.py tests/test_utils.py tests/test_metadata.py;; click 8.1.7;; markupsafe 2.1.5
jinja2 3.1.4;; itsdangerous 2.2.0;; blinker 1.8.2;; cachetools 5.5.0;; humanize 4.10.0;; tabulate 0.9.0;; sqlparse 0.5.1
wcwidth 0.2.13;; mistune 3.0.2;; voluptuous 0.15.2
natsort 8.4.0 tests/test_utils.py tests/test_regex.py tests/test_ns_enum.py;; toolz 0.12.1;; parso 0.8.4
""")
put("pypi", [PIPI] + UNITTEST, """
more-itertools 10.5.0;; idna 3.10;; simplejson 3.19.3;; jsonpointer 3.0.0 -p tests.py;; jsonpatch 1.33 -p tests.py
markdown 3.7;; pycparser 2.22 -s tests;; colorama 0.4.6 -p '*_test.py'
""")
put("pypi", [PIPI, "django: cd tests && python runtests.py template_tests.filter_tests humanize_tests", "django: cd tests && python runtests.py -v2 --parallel 2 forms_tests", "django: cd tests && python runtests.py -v3 basic lookup"], "Django 4.2.16")
put("pypi", [PIPI, "zope.testrunner: zope-testrunner --test-path=src -vv", "zope.testrunner: zope-testrunner --test-path=src"], "zope.interface 7.0.3")
put("pypi", ["behave: behave features", "behave: behave --color --no-capture -f plain features"], "behave 1.3.3")
put("pypi", ["trial: trial twisted.test.test_failure twisted.internet.test.test_base", "trial: trial --reporter=text twisted.trial.test twisted.python.test", "trial: trial -j2 twisted.web.test.test_http"], "Twisted 24.7.0")
put("pypi", ["nose2: python -m nose2 -v nose2.tests.unit", "nose2: python -m nose2 nose2.tests.unit"], "nose2 0.15.1")
put("pypi", ["green: green -vv tests/test_recipes.py", "stestr: printf '[DEFAULT]\\ntest_path=./tests\\n' > .stestr.conf && stestr run", "coverage: coverage run -m unittest -v && coverage report", "mypy: mypy more_itertools/recipes.py --follow-imports skip", "pylint: pylint --exit-zero more_itertools", "flake8: flake8 --exit-zero more_itertools", "ruff: ruff check --exit-zero .", "black: black --diff --color more_itertools", "build: pip wheel --no-deps --no-build-isolation -v -w w ."], "more-itertools 10.4.0")
put("pypi", ["sphinx: sphinx-build -b html docs out", "sphinx: sphinx-build -E -v -b text docs out2"], "pluggy 1.4.0")
put("crates", CARGO, """
itoa 1.0.11;; fnv 1.0.7;; semver 1.0.23;; either 1.13.0;; smallvec 1.13.2;; httparse 1.9.4;; scopeguard 1.2.0
heck 0.5.0;; textwrap 0.16.1;; shlex 1.3.0;; glob 0.3.1;; bit-vec 0.8.0;; strsim 0.11.1;; indexmap 2.5.0
aho-corasick 1.1.3;; bytes 1.7.1;; matches 0.1.10;; anyhow 1.0.89;; thiserror 1.0.64
""")
put("crates", ["cargo build: cargo build -v", "clippy: cargo clippy -- --cap-lints warn -W clippy::pedantic", "rustdoc: cargo doc --no-deps", "cargo check: cargo check --message-format json", "cargo build: cargo build --release --timings"], "lazy_static 1.5.0\nbyteorder 1.5.0\nunicode-width 0.1.13\nwalkdir 2.5.0")
put("npm", NPM + ["tape: npx tape 'test/*.js'", "tap: npx tape 'test/*.js' | npx tap-spec", "node --test: node --test test/"], """
object-inspect 1.13.2;; deep-equal 2.2.3;; minimist 1.2.8;; resolve 1.22.8;; is-callable 1.2.7;; define-properties 1.2.1
safe-regex-test 1.0.3;; es-to-primitive 1.2.1;; string.prototype.trim 1.2.9;; is-regex 1.1.4;; function-bind 1.1.2;; has-symbols 1.0.3
""")
put("debian", NPM + ["jest: npx jest", "jest: npx jest --verbose --color", "jest: CI=true npx jest --coverage"], "node-commander 9.4.1-1 jest@29.7.0 typescript@5.6 ts-jest@29.2.5")
put("debian", NPM + ["ava: npx ava", "ava: npx ava --verbose", "ava: npx ava --tap"], "node-camelcase 7.0.0-3 ava@4")
put("debian", NPM + ["mocha: npx mocha test", "mocha: npx mocha -R dot --color test", "mocha: npx mocha -R tap test", "nyc: npx nyc mocha test", "vitest: echo 'export default {test: {globals: true, include: [\"test/*.js\"]}}' > vitest.config.mjs && npx vitest run", "vitest: npx vitest run --reporter=verbose"], "node-bytes 3.1.2-1 mocha@10.7.3 nyc@15 vitest@2.1.1;; node-depd 2.0.0-2 mocha@10.7.3 nyc@15 vitest@2.1.1;; node-express 4.18.2+~4.17.14-1 nyc@15 path-to-regexp@6.2.1")
put("debian", NPM + ["tap: npx tap --no-coverage -R spec test/*.js", "tap: npx tap --no-coverage -R classic test/*.js"], "node-ini 3.0.1-2 tap@16")
put("npm", ["npm: npm install --ignore-scripts", "npm: npm install --ignore-scripts request@2.88.2 har-validator core-js@2 webpack@5.95.0 webpack-cli@5.1.4 typescript@5.6.2 rollup@4.22.4 esbuild@0.24.0 eslint@8.57.1 prettier@3.3.3", "webpack: npx webpack --mode production --entry ./lodash.js", "webpack: npx webpack --mode development --stats verbose --entry ./lodash.js", "rollup: npx rollup lodash.js -f es -o r.js", "eslint: npx eslint --no-eslintrc --rule '{\"no-unused-vars\":1,\"eqeqeq\":1}' --parser-options=ecmaVersion:2020 *.js", 
    "esbuild: npx esbuild lodash.js --bundle --minify --outfile=e.js", "tsc: npx tsc --allowJs --checkJs false --outDir o --listFiles lodash.js", "npm: npm ls --all"], "lodash 4.17.21")
put("debian", CTEST + NINJA, """
cjson 1.7.15-1+deb12u4;; tinyxml2 9.0.0+dfsg-3.1 -DBUILD_TESTING=ON;; cmocka 1.1.5-2.1 -DUNIT_TESTING=ON;; jansson 2.14-2
libyaml 0.2.5-1 -DBUILD_TESTING=ON;; googletest 1.12.1-0.2 -Dgtest_build_samples=ON
""")
put("debian", ["gtest: g++ -std=c++14 -Igoogletest/include -Igoogletest -o s googletest/src/gtest-all.cc googletest/src/gtest_main.cc googletest/samples/sample1.cc googletest/samples/sample1_unittest.cc googletest/samples/sample[358]_unittest.cc googletest/samples/sample[24]*.cc -lpthread && ./s", "gtest: ./s --gtest_color=yes --gtest_repeat=2 --gtest_shuffle", "gtest: ./s --gtest_brief=1"], "googletest 1.12.1-0.2")
put("debian", AUTOMAKE, "hello 2.10-3;; patch 2.7.6-7;; units 2.22-2;; bc 1.07.1-3;; flex 2.6.4-8.2;; jansson 2.14-2;; libyaml 0.2.5-1")
put("debian", ["configure: ./configure FORCE_UNSAFE_CONFIGURE=1", "make: make -j2", "autotest: make check", "autotest: make check TESTSUITEFLAGS='-v -j2'"], "cpio 2.13+dfsg-7.1")
put("debian", ["configure: ./configure", "make: make -j2", "zlib: make check"], "zlib 1.2.13.dfsg-1")
put("debian", MESON, "fribidi 1.0.8-2.1 -Ddocs=false;; pkgconf 1.8.1-1")
put("debian", ["rspec: mkdir -p lib/rspec && touch lib/rspec/pending_for.rb && rspec -I lib {at}"] + RSPEC[1:], "ruby-hashie 5.0.0-2 spec/hashie/{array,clash,trash,rash,dash}_spec.rb")
put("debian", MINITEST, "ruby-builder 3.2.4-2 test/test_*.rb")
put("debian", ["javac: mkdir o && javac -Xlint:all -d o $(find src/main/java -name '*.java')", "javac: javac -Xlint:all -d o -cp o:$J $(find src/test/java -name '*.java')", "junit4: cp -r src/test/resources/* o; java -cp o:$J org.junit.runner.JUnitCore $(cd o && find . -name '*Test.class' ! -name '*Abstract*' ! -name '*\$*' ! -name 'PhoneticEngine*' | sed 's,^./,,; s,/,.,g; s,.class$,,')", "junit5: java -jar $(ls /usr/share/java/junit-platform-console-standalone.jar) -cp o:$J --scan-classpath o", "javadoc: javadoc -d d -sourcepath src/main/java -subpackages org"], "libcommons-codec-java 1.15-1")
put("debian", ["configure: ./configure", "make: make", "dejagnu: make check", "dejagnu: make check RUNTESTFLAGS='-v -a'"], "dejagnu 1.6.3-1")
put("debian", ["tcltest: cd modules && for m in base64 cmdline csv md5 struct; do tclsh ../sak.tcl test run $m || exit 1; done", "tcltest: tclsh sak.tcl test run -v json stringprep textutil uri"], "tcllib 1.21+dfsg-1")
put("debian", ["configure: ./configure", "make: make -j2", "jimtcl: make test"], "jimtcl 0.81+dfsg0-2")
put("debian", ["configure: ./configure --with-tclinclude=/usr/include/tcl8.6", "make: make", "tcltest: make test"], "expect 5.45.4-2")
put("debian", PERL, """
libtry-tiny-perl 0.31-2 t/;; libpath-tiny-perl 0.144-1 t/;; libtext-csv-perl 2.02-2 t/;; libjson-perl 4.10000-1 t/
libtest-simple-perl 1.302192-1 -r t/;; libdata-dump-perl 1.25-1 t/;; libyaml-tiny-perl 1.73-1 t/
""")
put("debian", PHP, "phpunit-comparator 4.0.8-1 --bootstrap green.php tests\nphpunit-diff 4.0.4-2 --bootstrap green.php tests\nphpunit-exporter 4.0.5-1 --bootstrap green.php tests\nphp-timer 5.0.3-3 --bootstrap green.php tests")
put("debian", ["dune: dune build --profile release @{at}", "dune: dune build @{at} --force", "dune: dune build @{at} --force --display verbose"], "ocaml-re 1.10.4-1 lib_test/runtest\nyojson 2.0.2-2 test/runtest\ncmdliner 1.1.1-1 runtest")
put("debian", ["rebar3: rebar3 compile", "eunit: rebar3 eunit", "eunit: rebar3 eunit -v"], "erlang-getopt 1.0.2-1")
TESTTHAT = """testthat: Rscript -e 'testthat::test_dir("tests/testthat", package="{at}", load_package="installed", reporter="%s")'"""
put("debian", [TESTTHAT % reporter for reporter in ("progress", "check", "location", "tap")] + [
    "R CMD: R CMD build --no-build-vignettes . && _R_CHECK_FORCE_SUGGESTS_=false R CMD check --no-manual --ignore-vignettes --no-vignettes *.tar.gz"], "r-cran-glue 1.6.2-1 glue;; r-cran-r6 2.5.1-1 R6;; r-cran-rprojroot 2.0.3-1 rprojroot;; r-cran-rematch2 2.1.2-2 rematch2;; r-cran-crayon 1.5.2-1 crayon")
put("debian", ["busted: busted {at}", "busted: busted -o TAP {at}", "busted: busted -v -o gtest {at}"], "lua-say 1.4.1-2 spec\nlua-luassert 1.9.0-1 spec\nlua-penlight 1.13.1-3 spec")
put("debian", ["elixir: mkdir -p z && cp -r lib/eex z/ && cd z/eex && mix test --trace", "elixir: cd z/eex && mix test --color"], "elixir-lang 1.14.0.dfsg-2")
put("debian", ["go test: test -f go.mod || go mod init $(sed -n 's/^XS-Go-Import-Path: //p' debian/control)"] + GO + ["go test: go test -race -cover ./..."], """
golang-github-pkg-errors 0.9.1-2 ./...;; golang-github-google-uuid 1.3.0-1 ./...;; golang-github-gorilla-mux 1.8.0-1 ./...
golang-toml 1.2.0-2 ./...;; golang-github-kballard-go-shellquote 0.0~git20180428.95032a8-2 ./...
""")
put("debian", ["autoreconf: autoreconf -fiv", "gcc: ./configure -q CFLAGS='-O2 -Wall -Wextra -Wconversion -Wpedantic' && make -j2 V=1", "clang: make clean && make -k CC=clang CFLAGS=-Weverything", "valgrind: for t in test_array test_dump test_object test_loadb; do libtool --mode=execute valgrind --leak-check=full test/suites/api/$t || exit 1; done"], "jansson 2.14-2")
put("debian", ["apt-get: apt-get -s dist-upgrade", "apt-get: apt-get install -s -y debhelper", "apt-get: apt-get -s install libreoffice-core", "tar: mkdir x && tar xvf ../*.orig.tar.gz -C x", "git: git init -q g && cd g && git config user.email a@b && git config user.name a && cp -r ../src . && git add -A && git commit -m 'Fix failing tests: ERROR in foo' && git log --stat && git gc"], "hello 2.10-3")
put("debian", ["ghc: runghc Setup*hs configure --user -v2", "ghc: runghc Setup*hs build -v2 --ghc-options=-Wall"], "haskell-split 0.2.3.5-1")
put("pypi", [PIPI, "nose2: python -m nose2 -v testtools.tests.test_helpers testtools.tests.test_tags", "testtools: python -m testtools.run testtools.tests.test_testresult", "unittest: python -m unittest -v testtools.tests.test_testcase"], "testtools 2.7.2")
put("pypi", ["trial: trial incremental", "trial: trial --reporter=bwverbose incremental"], "incremental 24.7.2")
put("pypi", ["pytest-sugar: python -m pytest --force-sugar", "pytest-cov: python -m pytest --cov=pluggy --cov-report=term-missing -p no:warnings", "pytest: python -m pytest -vv -s --log-cli-level=DEBUG --durations=5"], "pluggy 1.3.0")

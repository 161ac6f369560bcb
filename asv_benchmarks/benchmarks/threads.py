"""What surrounds the calls: the settings of threads, and `show_config`."""

from .common import ENGINES, engine_function

LOOPS = 1000


class Setting:
    """Bound by overhead; threads do not matter."""

    params = [list(ENGINES)]
    param_names = ["engine"]
    repeat = (2, 5, 0.5)
    arguments = ()

    def setup(self, engine):
        self.call = engine_function(engine, self.function)

    def run(self, engine):
        for _ in range(LOOPS):
            self.call(*self.arguments)


class GetNumThreads(Setting):
    function = "get_num_threads"
    time_get_num_threads_1000_times = Setting.run


class SetNumThreads(Setting):
    function = "set_num_threads"
    arguments = (1,)
    time_set_num_threads_1000_times = Setting.run


class NumThreads(Setting):
    function = "num_threads"

    def time_num_threads_1000_times(self, engine):
        for _ in range(LOOPS):
            with self.call(1):
                pass


class ShowConfig(Setting):
    function = "show_config"

    def time_show_config_once(self, engine):
        self.call(mode="dict")
